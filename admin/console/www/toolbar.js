/* toolbar.js - the actions of what is shown, as buttons; those with a menu of their own open it. */
import { button, el } from "./dom.js";
import { icon } from "./icons.js";
import { below, openMenu } from "./menu.js";

function opener(item) {
	return el("button", { type: "button", "aria-haspopup": "menu", "data-key": `tool ${item.label}`,
		on: { click: ({ currentTarget }) => openMenu(currentTarget, item.items, item.label, below(currentTarget)) } },
	item.label, icon("open"));
}

/** @param {import("./menu.js").Item[]} items */
export function toolbar(items) {
	return items.map((item) => (item.items ? opener(item)
		: button(item.label, item.run, { class: item.danger ? "danger" : null, "data-key": `tool ${item.label}` })));
}
