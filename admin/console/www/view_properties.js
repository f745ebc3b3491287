/* view_properties.js - properties of the server: every setting there is, in the groups of the option table.
 *
 * What is changed is saved in one `set`, which checks all of it together with what stays, and writes nothing if anything is wrong.
 * What was typed and not saved is there again when one comes back.
 */
import { Refusal } from "./api.js";
import { refreshItem } from "./actions.js";
import { button, el } from "./dom.js";
import { labelled } from "./dialog.js";
import { count } from "./format.js";
import { problem, sentences } from "./notice.js";
import { Setting } from "./setting.js";
import { LABELS } from "./words.js";

const FIRST = "The service";

/** What the original's own window has stands first, wherever the table has it. */
const groupOf = ({ option }) => (option.name in LABELS ? FIRST : option.group);

class Form {
	/** @param {import("./app.js").App} app @param {Record<string, string>} values */
	constructor(app, values) {
		this.app = app;
		this.state = app.state;
		this.settings = app.settings.filter((option) => option.name in values).map((option) => new Setting(option, values[option.name]));
		this.result = el("div", { role: "alert" });
		this.notes = el("div", { role: "status" });
		this.save = el("button", { type: "submit", class: "primary" }, "Save");
		this.undo = button("Discard", () => this.#discard());
		this.said = el("span", { role: "status" });
		this.node = el("form", { class: "settings", novalidate: true,
			on: { submit: (event) => this.#submit(event), input: () => this.#count() } },
		this.#find(), this.#groups(),
		el("div", { class: "save-bar" }, this.result, this.notes, el("div", { class: "buttons" }, this.save, this.undo, this.said)));
		this.#recall();
		this.#count();
	}

	#recall() {
		for (const setting of this.settings) {
			const typed = this.state.typed?.[setting.option.name];
			if (typed === undefined) continue;
			setting.value = typed;
			setting.node.closest("details").open = true;
		}
	}

	#discard() {
		this.state.typed = {};
		this.app.refresh();
	}

	#find() {
		const field = labelled({ name: "find", label: "Find a setting" });
		const input = field.querySelector("input");
		input.type = "search";
		input.addEventListener("input", () => this.#filter(input.value.trim().toLowerCase()));
		field.classList.add("search");
		return field;
	}

	#filter(wanted) {
		for (const setting of this.settings) setting.node.hidden = !setting.matches(wanted);
		for (const group of this.node.querySelectorAll("details")) {
			group.hidden = !group.querySelector(".setting:not([hidden])");
			group.open = wanted !== "" || group.dataset.first !== undefined;
		}
	}

	#groups() {
		const groups = Map.groupBy(this.settings, groupOf);
		return [...groups].map(([title, settings], index) => {
			const known = Object.keys(LABELS).flatMap((name) => settings.filter((setting) => setting.option.name === name));
			const others = settings.filter((setting) => !known.includes(setting));
			return el("details", { open: index === 0, "data-first": index === 0 }, el("summary", {}, el("h2", {}, title)),
				[...known, ...others].map((setting) => setting.node));
		});
	}

	get changed() {
		return this.settings.filter((setting) => setting.changed);
	}

	#count() {
		const n = this.changed.length;
		this.state.typed = Object.fromEntries(this.changed.map((setting) => [setting.option.name, setting.value]));
		this.save.disabled = this.undo.disabled = n === 0;
		this.said.textContent = n > 0 ? count(n, "change", "changes") : "";
	}

	async #submit(event) {
		event.preventDefault();
		const { changed } = this;
		const pressed = document.activeElement === this.save;
		this.result.replaceChildren();
		this.notes.replaceChildren();
		this.save.disabled = true;
		try {
			const args = changed.flatMap((setting) => [setting.option.name, setting.value]);
			this.#saved(changed, await this.app.api.run("set", args));
		} catch (error) {
			this.result.append(problem(error));
		}
		this.#count();
		if (pressed) (this.save.disabled ? changed[0] : this.save).focus();
	}

	#saved(changed, body) {
		const when = new Map((body.settings ?? []).map((row) => [row.setting, row.takes_effect]));
		for (const setting of changed) {
			setting.saved(when.get(setting.option.name) ?? setting.option.takes_effect);
			this.#tellSession(setting);
		}
		this.notes.append(el("div", { class: "notice good" }, el("p", {}, `Saved: ${count(changed.length, "setting", "settings")}.`),
			sentences(body).map((note) => el("p", { class: "hint" }, note))));
		if (body.error) throw new Refusal(207, body);
	}

	/** What the windows of New go by. */
	#tellSession({ option, value }) {
		if (option.name === "authentication") this.app.session.authentication = value;
		if (option.name === "create_user") this.app.session.create_user = value === "1";
	}
}

/** @type {typeof import("./views.js").VIEWS.properties} */
export async function propertiesView(app) {
	const form = new Form(app, await app.ask("get"));
	return { title: `Properties of ${app.session.computer}`, items: [refreshItem(app)], nodes: [form.node] };
}
