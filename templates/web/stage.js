// Pointers and keys on the picture: moving, zooming, the divider.

/** How far an arrow key moves the picture, in CSS pixels, and the divider, in percent. */
const STEP = 40,
  DIVIDER_STEP = 2;

/** Let the stage's elements move a view. `change(act)` calls `act` with the view, and shows what came of it. */
export function attachStage({ stage, divider }, change) {
  const pointers = new Map(),
    ratio = () => devicePixelRatio || 1;
  let dividing = false;

  const place = event => {
    const box = stage.getBoundingClientRect();
    return [(event.clientX - box.left) * ratio(), (event.clientY - box.top) * ratio()];
  };
  const divide = share =>
    change(view => {
      view.split = Math.min(1, Math.max(0, share(view)));
    });

  stage.addEventListener("pointerdown", event => {
    dividing = event.target.closest("#divider") !== null;
    pointers.set(event.pointerId, place(event));
    stage.setPointerCapture(event.pointerId);
    stage.classList.toggle("panning", !dividing);
  });
  stage.addEventListener("pointermove", event => {
    const last = pointers.get(event.pointerId),
      now = place(event);
    if (!last) return;
    const other = [...pointers].find(([id]) => id !== event.pointerId)?.[1];
    const distance = point => Math.hypot(point[0] - other[0], point[1] - other[1]) || 1;
    if (dividing) divide(() => now[0] / (stage.clientWidth * ratio()));
    else if (other) change(view => view.zoomBy(distance(now) / distance(last), ...other));
    else change(view => view.move(now[0] - last[0], now[1] - last[1]));
    pointers.set(event.pointerId, now);
  });
  for (const type of ["pointerup", "pointercancel"]) {
    stage.addEventListener(type, event => {
      pointers.delete(event.pointerId);
      stage.classList.remove("panning");
    });
  }
  stage.addEventListener(
    "wheel",
    event => {
      event.preventDefault();
      change(view => view.zoomBy(Math.exp(-event.deltaY / 400), ...place(event)));
    },
    { passive: false },
  );
  stage.addEventListener("keydown", event => {
    const moves = { ArrowLeft: [1, 0], ArrowRight: [-1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] },
      move = moves[event.key];
    if (!move || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    if (event.target === divider) divide(view => view.split - (DIVIDER_STEP / 100) * (move[0] - move[1]));
    else change(view => view.move(move[0] * STEP * ratio(), move[1] * STEP * ratio()));
  });
}
