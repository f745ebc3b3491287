/* app.js - the frame around everything: who is signed in, where one is, the tree, the pane, the results.
 *
 * A view is a function of a place: it asks the server and returns nodes. After every change the view that is shown is made anew
 * from the server's answers; nothing here keeps a second truth. The old view stays until the new one is ready, and the focus stays
 * on what has the same key.
 */
import { Refusal } from "./api.js";
import { button, el } from "./dom.js";
import { closeDialogs } from "./dialog.js";
import { focusedKey, restoreFocus } from "./focus.js";
import { closeMenu } from "./menu.js";
import { Notices, problem, sentences } from "./notice.js";
import { href, parse } from "./place.js";
import { Tree } from "./tree.js";
import { openIdle } from "./idle.js";
import { computerItems, domainItems, refreshItem } from "./actions.js";
import { toolbar } from "./toolbar.js";
import { VIEWS } from "./views.js";

/**
 * @typedef {object} View
 * @property {string} title
 * @property {import("./menu.js").Item[]} [items] for the toolbar
 * @property {(Node | string | null | false)[]} nodes
 * @property {boolean} [failed] it only says why there is none
 */

/**
 * @typedef {object} Deed
 * @property {string} text what is said when it is done
 * @property {string} command
 * @property {string[]} args
 * @property {Record<string, string | true>} [switches]
 * @property {string} [password]
 * @property {import("./place.js").Place} [then] where to go afterwards
 */

/** As a shell wants it. */
function quoted(word) {
	return /^[\p{L}\p{M}\p{N}@%+=:,./_-]+$/u.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

/** @param {Deed} deed as one would type it; never a password */
function commandLine({ command, args, switches = {} }) {
	const given = Object.entries(switches).flatMap(([name, value]) => (value === true ? [`/${name}`] : [`/${name}`, value]));
	return ["winpop", command, ...args, ...given].map(quoted).join(" ");
}

export class App {
	#leaving = new AbortController();
	#states = new Map();

	/**
	 * @param {import("./api.js").Api} api
	 * @param {{who: string, whole: boolean, computer: string, idle: number}} session
	 * @param {{commands: {name: string}[], settings: object[]}} offered
	 */
	constructor(api, session, offered) {
		this.api = api;
		this.session = session;
		this.settings = offered.settings;
		this.commands = new Set(offered.commands.map((command) => command.name));
		this.place = parse(location.hash);
		this.notices = new Notices();
		this.tree = new Tree(this, { computer: () => computerItems(this), domain: (row) => domainItems(this, row) });
		this.title = el("h1", { tabindex: "-1" });
		this.tools = el("div", { class: "tools" });
		this.body = el("div", { class: "view" });
		this.node = this.#frame();
		this.idle = openIdle(this);
		this.ended = new AbortController();
		this.tree.draw();
		window.addEventListener("hashchange", () => this.#moved(), { signal: this.ended.signal });
	}

	#frame() {
		const treeId = "tree";
		const unfold = button("Menu", () => this.#fold(!this.node.classList.contains("unfolded")),
			{ class: "unfold", "aria-expanded": "false", "aria-controls": treeId });
		this.unfold = unfold;
		return el("div", { class: "frame" },
			button("Skip to details", () => this.title.focus(), { class: "skip" }),
			el("header", {}, unfold, el("span", { class: "product" }, "winpop"),
				el("span", { class: "who" }, this.session.who),
				button("Sign out", () => this.attempt(() => this.signOut()))),
			el("nav", { id: treeId, "aria-label": "Computer and domains" }, this.tree.node),
			el("main", {}, this.notices.node, el("div", { class: "heading" }, this.title, this.tools), this.body));
	}

	#fold(open) {
		this.node.classList.toggle("unfolded", open);
		this.unfold.setAttribute("aria-expanded", String(open));
	}

	/** Leaves nothing behind: for another person to sign in. */
	close() {
		this.#leaving.abort();
		this.ended.abort();
		this.idle.close();
		closeMenu();
		for (const open of document.querySelectorAll("dialog")) open.remove();
	}

	async signOut() {
		await this.api.signOut();
		this.api.onEnded("");
	}

	can(command) {
		return this.commands.has(command);
	}

	/** What the view of this place wants to find again: its page, its search. */
	get state() {
		const key = href(this.place);
		if (!this.#states.has(key)) this.#states.set(key, {});
		return this.#states.get(key);
	}

	/** A refusal of our own. */
	refusal(text, hint) {
		return new Refusal(0, { error: { class: "usage", text, hint } });
	}

	/** Asks, for the view that is shown; what is only partly known is shown with a word about that. */
	async ask(command, args = [], switches = {}, how = {}) {
		const body = await this.api.run(command, args, switches, { signal: this.#leaving.signal, ...how });
		if (body.error) this.notices.failed(new Refusal(207, body));
		return body;
	}

	#goOn(place) {
		if (!place || href(place) === href(this.place)) return;
		history.pushState(null, "", href(place));
		this.place = place;
	}

	/** Changes something, says so and shows how things are now. What was done in part only is not called done. @param {Deed} deed */
	async perform(deed) {
		const { text, command, args, switches, password, then } = deed;
		const body = await this.api.run(command, args, switches, { password });
		if (!body.error) {
			this.notices.done(text, commandLine(deed), sentences(body));
			this.#goOn(then);
		}
		await this.refresh();
		if (body.error) throw new Refusal(207, body);
	}

	/** The same where no window is open that could show what went wrong. @param {Deed} deed */
	act(deed) {
		return this.attempt(() => this.perform(deed));
	}

	async attempt(work) {
		try {
			await work();
		} catch (error) {
			if (error.name !== "AbortError") this.notices.failed(error);
		}
	}

	/** The tree too, unless the view has said already what is wrong. */
	async refresh() {
		if (await this.#show()) await this.attempt(() => this.tree.load());
	}

	async #moved() {
		this.place = parse(location.hash);
		closeMenu();
		closeDialogs();
		this.notices.clear();
		this.#fold(false);
		this.tree.draw();
		/* What is left of the old view must not be taken for the new one's. */
		this.tools.inert = this.body.inert = true;
		await this.#show();
	}

	async #view(signal) {
		try {
			return await VIEWS[this.place.kind](this, this.place, signal);
		} catch (error) {
			if (signal.aborted) return null;
			return { title: this.place.name ?? this.session.computer, items: [refreshItem(this)], nodes: [problem(error)], failed: true };
		}
	}

	/** Did it come to be shown? */
	async #show() {
		this.#leaving.abort();
		this.#leaving = new AbortController();
		const { signal } = this.#leaving;
		this.body.setAttribute("aria-busy", "true");
		const view = await this.#view(signal);
		if (!view || signal.aborted) return false;
		const key = focusedKey();
		this.title.textContent = view.title;
		document.title = `${view.title} - winpop`;
		this.tools.replaceChildren(...toolbar(view.items ?? []));
		this.body.replaceChildren(...view.nodes.filter(Boolean));
		this.body.removeAttribute("aria-busy");
		this.tools.inert = this.body.inert = false;
		restoreFocus(key);
		return !view.failed;
	}
}
