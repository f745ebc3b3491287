/* setting.js - one setting as a control: made from its row of the option table, read back as `set` wants it. */
import { el, newId } from "./dom.js";
import { LABELS, LOGGING, METHODS } from "./words.js";

/**
 * @typedef {object} Option
 * @property {string} name
 * @property {string} group
 * @property {string} help
 * @property {"number" | "switch" | "word" | "text" | "path" | "size" | "expire" | "authentication"} type
 * @property {string[] | null} choices
 * @property {number | null} min
 * @property {number | null} max
 * @property {string | null} preset
 * @property {"now" | "at restart"} takes_effect
 */

/** "2 (file)" as `get` shows the method; the name alone is what stays the same on every computer. */
function methodName(value) {
	return /\((\w+)\)$/.exec(value)?.[1] ?? value;
}

const isOn = (value) => ["1", "yes"].includes(value);

function describe(option) {
	const range = option.type === "number" && option.max !== null ? ` ${option.min} to ${option.max}.` : "";
	const preset = option.preset ? ` Unless set: ${option.preset}.` : "";
	return `${option.help}.${range}${preset} ${option.takes_effect === "now" ? "Takes effect at once." : "Waits for a restart."}`;
}

/** A value as the form has it, to see what was changed. */
function wordOf(option, value) {
	if (option.type === "switch") return isOn(value) ? "1" : "0";
	return option.type === "authentication" ? methodName(value) : value;
}

function methods(option, value) {
	const group = newId();
	return el("fieldset", { class: "methods" }, el("legend", {}, LABELS.authentication),
		option.choices.map((name) => {
			const id = newId();
			const helpId = newId();
			return el("div", { class: "field check" },
				el("input", { type: "radio", id, name: group, value: name, checked: name === value, "aria-describedby": helpId }),
				el("label", { for: id }, METHODS[name].title), el("p", { id: helpId, class: "help" }, METHODS[name].text));
		}));
}

function chooser(props, choices, value, word) {
	return el("select", props, choices.map((name) => el("option", { value: name, selected: name === value }, word(name))));
}

function control(option, value, props) {
	if (option.type === "switch") return el("input", { ...props, type: "checkbox", checked: isOn(value) });
	if (option.name === "logging") return chooser(props, Object.keys(LOGGING), value, (level) => `${level}: ${LOGGING[level]}`);
	if (option.type === "word") return chooser(props, option.choices, value, (name) => name);
	const number = option.type === "number" && { type: "number", min: option.min, max: option.max };
	return el("input", { ...props, type: "text", ...number, value, spellcheck: "false", autocomplete: "off" });
}

export class Setting {
	/** @param {Option} option @param {string} value as `get` shows it */
	constructor(option, value) {
		this.option = option;
		this.was = wordOf(option, value);
		this.told = el("p", { class: "told", role: "status" });
		this.node = option.type === "authentication" ? methods(option, this.was) : this.#plain(value);
		this.node.append(this.told);
		this.node.classList.add("setting");
	}

	#plain(value) {
		const { option } = this;
		const id = newId();
		const helpId = newId();
		this.input = control(option, value, { id, "aria-describedby": helpId, "data-key": `setting ${option.name}` });
		const label = el("label", { for: id }, LABELS[option.name] ?? option.name);
		const help = el("p", { id: helpId, class: "help" }, LABELS[option.name] && el("code", {}, option.name), " ", describe(option));
		return option.type === "switch" ? el("div", { class: "field check" }, this.input, label, help)
			: el("div", { class: "field" }, label, this.input, help);
	}

	get value() {
		if (this.option.type === "authentication") return this.node.querySelector("input:checked")?.value ?? this.was;
		if (this.option.type === "switch") return this.input.checked ? "1" : "0";
		return this.input.value.trim();
	}

	set value(value) {
		if (this.option.type === "authentication") this.node.querySelector(`input[value="${CSS.escape(value)}"]`).checked = true;
		else if (this.option.type === "switch") this.input.checked = value === "1";
		else this.input.value = value;
	}

	focus() {
		(this.input ?? this.node.querySelector("input:checked")).focus();
	}

	get changed() {
		return this.value !== this.was;
	}

	/** Does it have to do with what is looked for? @param {string} wanted in lower case */
	matches(wanted) {
		return `${this.option.name} ${LABELS[this.option.name] ?? ""} ${this.option.help}`.toLowerCase().includes(wanted);
	}

	/** @param {string} when as `set` answers */
	saved(when) {
		this.was = this.value;
		this.told.textContent = when === "now" ? "In effect." : "Waits for a restart of the service.";
	}
}
