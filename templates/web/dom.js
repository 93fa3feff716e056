// Elements of the page.

/** The page's element of an id. */
export const $ = id => document.getElementById(id);

/** A new element of a name with text or children. */
export function element(name, children = [], attributes = {}) {
  const made = Object.assign(document.createElement(name), attributes);
  made.append(...[children].flat());
  return made;
}
