/* dom.js - elements made by hand.
 *
 * Whatever comes from outside becomes a text node or an attribute, never markup: there is no other way to make an element in
 * this page.
 */
const SVG = "http://www.w3.org/2000/svg";

/** @typedef {Node | string | number | null | false | undefined} Child */

/**
 * @template {Element} T
 * @param {T} node
 * @param {Record<string, any>} props attributes; `on` holds listeners
 * @param {(Child | Child[])[]} children
 * @returns {T}
 */
function fill(node, props, children) {
	for (const [name, value] of Object.entries(props)) {
		if (name === "on")
			for (const [type, listener] of Object.entries(value)) node.addEventListener(type, listener);
		else if (value === true) node.setAttribute(name, "");
		else if (value !== false && value !== null && value !== undefined) node.setAttribute(name, value);
	}
	node.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
	return node;
}

/** @returns {HTMLElement} */
export function el(tag, props = {}, ...children) {
	return fill(document.createElement(tag), props, children);
}

/** @returns {SVGElement} */
export function svg(tag, props = {}, ...children) {
	return fill(document.createElementNS(SVG, tag), props, children);
}

/** For those who cannot see the picture beside it. */
export function hiddenText(text) {
	return el("span", { class: "hidden-text" }, text);
}

let lastId = 0;

/** An id that no other element of the page has. */
export function newId() {
	lastId += 1;
	return `n${lastId}`;
}

/** @returns {HTMLButtonElement} */
export function button(label, click, props = {}) {
	return el("button", { type: "button", ...props, on: { click } }, label);
}
