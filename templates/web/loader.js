// Runs the page's script, which is in the page deflated; the page's policy allows no other.
const text = document.getElementById("script").textContent;
try {
  const bytes = Uint8Array.from(atob(text), character => character.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate-raw"));
  const script = Object.assign(document.createElement("script"), { type: "module" });
  script.textContent = await new Response(stream).text();
  document.body.append(script);
} catch (error) {
  const message = document.getElementById("message");
  message.textContent = `found a browser that is too old, expected one of 2023 or later (${error.message})`;
}
