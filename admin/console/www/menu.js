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
	/**
	 * @param {Item[]} items
	 * @param {string} label
	 * @param {{menu: Menu, row: HTMLElement} | null} from the row of another menu that opens it
	 */
	constructor(items, label, from) {
		this.items = items;
		this.from = from;
		this.child = null;
		this.node = el("ul", { role: "menu", class: "menu", popover: "manual", "aria-label": label,
			on: { keydown: (event) => this.key(event) } },
			items.map((item) => row(item, this)));
	}

	get rows() {
		return [...this.node.querySelectorAll("[role=menuitem]")];
	}

	/** @param {Element} within the part of the page that it belongs to */
	show(within, x, y) {
		within.append(this.node);
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
		if (!this.from) return;
		this.from.menu.child = null;
		this.from.row.setAttribute("aria-expanded", "false");
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
		this.child = new Menu(item.items, item.label, { menu: this, row: at });
		at.setAttribute("aria-expanded", "true");
		this.child.show(this.node.parentNode, box.right, box.top);
	}

	ascend() {
		this.hide();
		this.from.row.focus();
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
			ArrowLeft: () => this.from && this.ascend(),
			Escape: () => (this.from ? this.ascend() : closeOpen()),
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

/** Where one is has changed: what it is about may not be there any more. */
export function closeMenu() {
	closeOpen();
}

/**
 * @param {Element} owner what has the menu
 * @param {Item[]} items
 * @param {string} label what the menu is about
 * @param {{x: number, y: number}} at
 */
export function openMenu(owner, items, label, at) {
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
	menu.show(owner.closest("main, nav"), at.x, at.y);
}

export function below(node) {
	const box = node.getBoundingClientRect();
	return { x: box.left, y: box.bottom };
}

/** The "..." button. @param {() => Item[]} items @param {string} label @param {string} key for the focus */
export function menuButton(items, label, key) {
	return el("button", { type: "button", class: "more", "data-key": key, "aria-haspopup": "menu",
		"aria-label": `Actions for ${label}`, title: "Actions",
		on: { click: ({ currentTarget }) => openMenu(currentTarget, items(), label, below(currentTarget)) } }, icon("more"));
}

/** Right click, the menu key and Shift+F10 on `node` open its menu. */
export function giveMenu(node, items, label) {
	node.addEventListener("contextmenu", (event) => {
		event.preventDefault();
		event.stopPropagation();
		openMenu(node, items(), label, event.clientX || event.clientY ? { x: event.clientX, y: event.clientY } : below(event.target));
	});
	node.addEventListener("keydown", (event) => {
		if (event.key !== "ContextMenu" && !(event.key === "F10" && event.shiftKey)) return;
		event.preventDefault();
		event.stopPropagation();
		openMenu(node, items(), label, below(document.activeElement));
	});
	return node;
}
