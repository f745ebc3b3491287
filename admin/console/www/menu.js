/* menu.js - menus by right click, by the "..." button and by keyboard (WAI-ARIA menu pattern).
 *
 * One menu is open at a time. It lives in the top layer, takes the focus, and gives it back to where it came from.
 */
import { el } from "./dom.js";
import { icon } from "./icons.js";

/**
 * @typedef {object} Item
 * @property {string} label
 * @property {() => void} [run]
 * @property {Item[]} [items] a menu of its own
 * @property {boolean} [danger]
 * @property {boolean} [apart] a line is drawn above it
 */

const EDGE = 4; /* pixels kept free at the window's edge */

/** Closes the open menu. */
let closeOpen = () => {};

function row(item, menu) {
	return el("li", { role: "none", class: item.apart ? "apart" : null },
		el("button", {
			type: "button", role: "menuitem", tabindex: "-1", class: item.danger ? "danger" : null,
			"aria-haspopup": item.items ? "menu" : null, "aria-expanded": item.items ? "false" : null,
			on: { click: () => menu.choose(item) },
		}, item.label, item.items && icon("closed")));
}

class Menu {
	/** @param {Item[]} items @param {string} label @param {Menu | null} parent */
	constructor(items, label, parent) {
		this.items = items;
		this.parent = parent;
		this.child = null;
		this.node = el("ul", { role: "menu", class: "menu", popover: "manual", "aria-label": label,
			on: { keydown: (event) => this.key(event) } },
			items.map((item) => row(item, this)));
	}

	get rows() {
		return [...this.node.querySelectorAll("[role=menuitem]")];
	}

	show(x, y) {
		document.body.append(this.node);
		this.node.showPopover();
		const box = this.node.getBoundingClientRect();
		const left = Math.min(x, window.innerWidth - box.width - EDGE);
		const top = Math.min(y, window.innerHeight - box.height - EDGE);
		this.node.style.left = `${Math.max(EDGE, left)}px`;
		this.node.style.top = `${Math.max(EDGE, top)}px`;
		this.rows[0]?.focus();
	}

	hide() {
		this.child?.hide();
		this.node.remove();
		if (this.parent) this.parent.child = null;
	}

	choose(item) {
		if (item.items) {
			this.descend(item);
			return;
		}
		closeOpen();
		item.run();
	}

	descend(item) {
		const at = this.rows[this.items.indexOf(item)];
		const box = at.getBoundingClientRect();
		this.child?.hide();
		this.child = new Menu(item.items, item.label, this);
		at.setAttribute("aria-expanded", "true");
		this.child.show(box.right, box.top);
	}

	ascend() {
		this.hide();
		this.parent.rows.forEach((other) => {
			if (other.getAttribute("aria-expanded") !== "true") return;
			other.setAttribute("aria-expanded", "false");
			other.focus();
		});
	}

	step(to) {
		const { rows } = this;
		rows[(to + rows.length) % rows.length].focus();
	}

	/** The next one whose label begins with what was typed. */
	seek(letter) {
		const { rows } = this;
		const from = rows.indexOf(document.activeElement) + 1;
		const found = [...rows.slice(from), ...rows.slice(0, from)]
			.find((other) => other.textContent.toLowerCase().startsWith(letter.toLowerCase()));
		found?.focus();
	}

	key(event) {
		const at = this.rows.indexOf(document.activeElement);
		const item = this.items[at];
		const keys = {
			ArrowDown: () => this.step(at + 1),
			ArrowUp: () => this.step(at - 1),
			Home: () => this.step(0),
			End: () => this.step(-1),
			ArrowRight: () => item?.items && this.descend(item),
			ArrowLeft: () => this.parent && this.ascend(),
			Escape: () => (this.parent ? this.ascend() : closeOpen()),
			Tab: () => closeOpen(),
		};
		event.stopPropagation();
		if (keys[event.key]) {
			event.preventDefault();
			keys[event.key]();
		} else if (event.key.length === 1 && event.key !== " ") {
			this.seek(event.key);
		}
	}
}

/**
 * @param {Item[]} items
 * @param {string} label what the menu is about
 * @param {{x: number, y: number}} at
 */
export function openMenu(items, label, at) {
	closeOpen();
	if (items.length === 0) return;
	const before = document.activeElement;
	const menu = new Menu(items, label, null);
	const away = new AbortController();
	closeOpen = () => {
		closeOpen = () => {};
		away.abort();
		menu.hide();
		before?.focus();
	};
	const outside = (event) => event.target.closest?.("[role=menu]") ?? closeOpen();
	document.addEventListener("pointerdown", outside, { signal: away.signal, capture: true });
	window.addEventListener("resize", () => closeOpen(), { signal: away.signal });
	menu.show(at.x, at.y);
}

function below(node) {
	const box = node.getBoundingClientRect();
	return { x: box.left, y: box.bottom };
}

/** The "..." button. */
export function menuButton(items, label) {
	return el("button", { type: "button", class: "more", "data-key": `more ${label}`, "aria-haspopup": "menu", "aria-label": `Actions for ${label}`, title: "Actions",
		on: { click: (event) => openMenu(items(), label, below(event.currentTarget)) } }, icon("more"));
}

/** Right click, the menu key and Shift+F10 on `node` open its menu. */
export function giveMenu(node, items, label) {
	node.addEventListener("contextmenu", (event) => {
		event.preventDefault();
		event.stopPropagation();
		openMenu(items(), label, event.clientX || event.clientY ? { x: event.clientX, y: event.clientY } : below(event.target));
	});
	node.addEventListener("keydown", (event) => {
		if (event.key !== "ContextMenu" && !(event.key === "F10" && event.shiftKey)) return;
		event.preventDefault();
		event.stopPropagation();
		openMenu(items(), label, below(document.activeElement));
	});
	return node;
}
