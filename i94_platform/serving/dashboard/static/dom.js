// Creates elements. Values enter the page as text, never as HTML.

/** Creates an element with properties (with a hyphen: attributes) and children; null children are left out. */
export function createElement(name, properties = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (/^role$|-/.test(key)) element.setAttribute(key, value);
    else if (value !== undefined) element[key] = value;
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

export const byId = (id) => document.getElementById(id);

/** Shows a text in an element, which is hidden without one. */
export function showText(element, text) {
  element.textContent = text;
  element.hidden = !text;
}
