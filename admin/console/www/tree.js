/* tree.js - the console tree: winpop, the computer, its domains (WAI-ARIA tree pattern, levels told by aria-level).
 *
 * There may be more domains than anybody wants to scroll through: a hundred are shown at a time, and then there is a filter.
 */
import { el } from "./dom.js";
import { icon } from "./icons.js";
import { labelled } from "./dialog.js";
import { giveMenu } from "./menu.js";
import { Newest } from "./newest.js";
import { COMPUTER, SERVER_PLACES, domainOf, domainPlace, href } from "./place.js";

const TITLES = {
	statistics: "Statistics", sessions: "Sessions", quotas: "Quotas", history: "History", migration: "Migration",
	check: "Check",
};
const TYPING_MS = 250;
const SHOWN = 100;

/**
 * @typedef {object} Node
 * @property {string} id
 * @property {string} label
 * @property {number} level
 * @property {string} icon
 * @property {import("./place.js").Place} [place]
 * @property {() => void} [run] instead of going somewhere
 * @property {boolean} [parent] has something below it
 * @property {boolean} [locked]
 * @property {() => import("./menu.js").Item[]} [items]
 */

/** What tells its row from others, to the focus too. @param {Node} node */
const keyOf = (node) => `tree ${node.id}`;

export class Tree {
	/**
	 * @param {import("./app.js").App} app
	 * @param {{computer: () => import("./menu.js").Item[], domain: (row: any) => import("./menu.js").Item[]}} menus
	 */
	constructor(app, menus) {
		this.app = app;
		this.menus = menus;
		this.closed = new Set();
		this.domains = [];
		this.limit = SHOWN;
		this.match = "";
		this.question = new Newest((isOld) => this.#ask(isOld));
		this.list = el("ul", { role: "tree", "aria-label": "winpop", class: "tree", 
			on: { keydown: (event) => this.#key(event), focusin: ({ target }) => this.#stopAt(target) } });
		this.filter = this.#filterBox();
		this.node = el("div", {}, this.filter, this.list);
	}

	#filterBox() {
		const field = labelled({ name: "filter", label: "Filter domains" });
		const input = field.querySelector("input");
		let timer = 0;
		input.type = "search";
		input.addEventListener("input", () => {
			clearTimeout(timer);
			timer = setTimeout(() => {
				this.match = input.value.trim();
				this.limit = SHOWN;
				if (this.node.isConnected) this.app.attempt(() => this.load());
			}, TYPING_MS);
		});
		field.classList.add("search");
		field.hidden = true;
		return field;
	}

	/** What is shown stays if there is no answer. */
	async #ask(isOld) {
		const switches = { limit: String(this.limit), ...(this.match && { match: this.match }) };
		const { domains, more } = await this.app.ask("list", [], switches, { quiet: true, signal: null });
		if (isOld()) return;
		this.more = more !== undefined;
		this.domains = domains;
		if (this.more) this.filter.hidden = false;
	}

	async load() {
		this.list.setAttribute("aria-busy", "true");
		try {
			await this.question.run();
		} finally {
			this.list.removeAttribute("aria-busy");
			this.draw();
		}
	}

	#domainNodes() {
		const nodes = this.domains.map((row) => ({
			id: `domain ${row.domain}`, label: row.domain, level: 3, icon: "domain", locked: row.state === "locked",
			place: domainPlace(row.domain), items: () => this.menus.domain(row),
		}));
		if (this.more) nodes.push({ id: "more", label: "More domains", level: 3, icon: "more", run: () => this.#showMore() });
		return nodes;
	}

	#showMore() {
		this.limit += SHOWN;
		this.app.attempt(() => this.load());
	}

	/** @returns {Node[]} those that are to be seen, from top to bottom */
	#nodes() {
		const { session } = this.app;
		const root = { id: "root", label: "winpop", level: 1, icon: "root", parent: true };
		const computer = { id: "computer", label: session.computer, level: 2, icon: "computer", parent: true, place: COMPUTER,
			items: this.menus.computer };
		const others = session.whole ? SERVER_PLACES.map((kind) =>
			({ id: kind, label: TITLES[kind], level: 2, icon: kind, place: { kind } })) : [];
		if (this.closed.has("root")) return [root];
		return [root, computer, ...(this.closed.has("computer") ? [] : this.#domainNodes()), ...others];
	}

	/** The node of the place that is shown; what has none of its own belongs to the one above it. */
	#here() {
		const { kind, name } = this.app.place;
		if (kind === "properties") return "computer";
		if (kind === "mailbox" || (kind === "check" && name)) return `domain ${domainOf(name)}`;
		return kind === "domain" ? `domain ${name}` : kind;
	}

	draw() {
		const nodes = this.#nodes();
		const here = this.#here();
		const held = this.list.contains(document.activeElement) ? document.activeElement.dataset.key : null;
		const stop = nodes.find((node) => keyOf(node) === held) ?? nodes.find((node) => node.id === here) ?? nodes[0];
		this.byKey = new Map(nodes.map((node) => [keyOf(node), node]));
		this.list.replaceChildren(...nodes.map((node) => this.#row(node, node.id === here, node === stop)));
		if (held) this.#rows()[nodes.indexOf(stop)].focus();
	}

	#row(node, selected, stop) {
		const open = node.parent && !this.closed.has(node.id);
		const row = el("li", {
			role: "treeitem", class: `level-${node.level}`, tabindex: stop ? "0" : "-1", "data-key": keyOf(node),
			"aria-level": node.level, "aria-selected": String(selected), "aria-expanded": node.parent ? String(open) : null,
			on: { click: (event) => this.#click(node, event) },
		},
		node.parent ? el("span", { class: "twisty" }, icon(open ? "open" : "closed")) : null,
		icon(node.icon), el("span", { class: "name" }, node.label),
		node.locked && el("span", { class: "mark" }, icon("locked"), el("span", { class: "hidden-text" }, "locked")));
		return node.items ? giveMenu(row, node.items, node.label) : row;
	}

	#rows() {
		return [...this.list.children];
	}

	/** One row at a time is a stop for Tab. */
	#stopAt(row) {
		for (const other of this.#rows()) other.tabIndex = other === row ? 0 : -1;
	}

	#click(node, event) {
		event.currentTarget.focus();
		if (event.target.closest(".twisty")) this.#toggle(node);
		else this.#enter(node);
	}

	#enter(node) {
		if (node.run) node.run();
		else if (node.place) location.hash = href(node.place);
		else this.#toggle(node);
	}

	#toggle(node) {
		if (!this.closed.delete(node.id)) this.closed.add(node.id);
		this.draw();
	}

	/** To the right: open it, then go into it. */
	#right(node, at) {
		if (!node.parent) return;
		if (this.closed.has(node.id)) this.#toggle(node);
		else this.#rows()[at + 1]?.focus();
	}

	/** To the left: close it, or go to what it belongs to. */
	#left(node, at) {
		if (node.parent && !this.closed.has(node.id)) {
			this.#toggle(node);
			return;
		}
		const above = this.#rows().slice(0, at).reverse();
		above.find((row) => Number(row.getAttribute("aria-level")) < node.level)?.focus();
	}

	#seek(letter, at) {
		const rows = this.#rows();
		const order = [...rows.slice(at + 1), ...rows.slice(0, at + 1)];
		order.find((row) => row.textContent.toLowerCase().startsWith(letter.toLowerCase()))?.focus();
	}

	#key(event) {
		const rows = this.#rows();
		const at = rows.indexOf(document.activeElement);
		const node = this.byKey.get(rows[at]?.dataset.key);
		if (!node || event.ctrlKey || event.altKey || event.metaKey) return;
		const keys = {
			ArrowDown: () => rows[at + 1]?.focus(),
			ArrowUp: () => rows[at - 1]?.focus(),
			Home: () => rows[0].focus(),
			End: () => rows.at(-1).focus(),
			ArrowRight: () => this.#right(node, at),
			ArrowLeft: () => this.#left(node, at),
			Enter: () => this.#enter(node),
			" ": () => this.#enter(node),
		};
		if (keys[event.key]) {
			event.preventDefault();
			keys[event.key]();
		} else if (event.key.length === 1) {
			this.#seek(event.key, at);
		}
	}
}
