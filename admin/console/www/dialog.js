/* dialog.js - windows that ask: a form in a <dialog>, which keeps the focus and gives it back. */
import { button, el, newId } from "./dom.js";
import { focusedKey, restoreFocus } from "./focus.js";
import { problem } from "./notice.js";

/**
 * @typedef {object} Field
 * @property {string} name
 * @property {string} label
 * @property {"text" | "password" | "checkbox" | "number" | "select"} [type]
 * @property {string | boolean} [value]
 * @property {string} [help]
 * @property {boolean} [required]
 * @property {number} [maxlength]
 * @property {{value: string, label: string}[]} [choices]
 * @property {string} [autocomplete]
 */

/** @param {Field} field @returns {HTMLElement} */
function control(field, helpId) {
	const common = { name: field.name, id: newId(), "aria-describedby": helpId };
	if (field.type === "select")
		return el("select", common, field.choices.map((choice) =>
			el("option", { value: choice.value, selected: choice.value === field.value }, choice.label)));
	if (field.type === "checkbox")
		return el("input", { ...common, type: "checkbox", checked: field.value === true });
	return el("input", { ...common, type: field.type ?? "text", value: field.value, required: field.required,
		maxlength: field.maxlength, autocomplete: field.autocomplete ?? "off", spellcheck: "false", autocapitalize: "none" });
}

/** A control with its label, and what there is to know about it. @param {Field} field */
export function labelled(field) {
	const helpId = field.help ? newId() : null;
	const input = control(field, helpId);
	const label = el("label", { for: input.id }, field.label);
	const help = field.help && el("p", { id: helpId, class: "help" }, field.help);
	return field.type === "checkbox" ? el("div", { class: "field check" }, input, label, help)
		: el("div", { class: "field" }, label, input, help);
}

/** @param {HTMLFormElement} form @returns {Record<string, string | boolean>} */
function valuesOf(form) {
	const values = {};
	for (const input of form.elements)
		if (input.name) values[input.name] = input.type === "checkbox" ? input.checked : input.value;
	return values;
}

/**
 * Asks, and does what was asked for; closes once that worked, and shows the server's words if it did not. Who left it meanwhile
 * finds them above the view.
 * @param {import("./app.js").App} app
 * @param {object} what
 * @param {string} what.title
 * @param {(string | Node)[]} [what.text]
 * @param {Field[]} [what.fields]
 * @param {string} what.action the word on the button
 * @param {boolean} [what.danger]
 * @param {(values: Record<string, any>) => Promise<void>} what.run
 */
export function askFor(app, { title, text = [], fields = [], action, danger = false, run }) {
	const titleId = newId();
	const opener = focusedKey();
	const trouble = el("div", { role: "alert" });
	const submit = el("button", { type: "submit", class: danger ? "danger" : "primary" }, action);
	const cancel = button("Cancel", () => dialog.close());
	const form = el("form", { novalidate: true, on: { submit: (event) => act(event) } },
		el("h2", { id: titleId }, title),
		text.map((words) => el("p", {}, words)),
		fields.map(labelled),
		trouble,
		el("div", { class: "buttons" }, cancel, submit));
	const dialog = el("dialog", { class: "asking", "aria-labelledby": titleId, on: { close: () => gone() } }, form);

	function gone() {
		dialog.remove();
		restoreFocus(opener);
	}

	function fail(error) {
		if (!dialog.open) {
			app.notices.failed(error);
			return;
		}
		trouble.append(problem(error));
		(form.querySelector("input") ?? cancel).focus();
	}

	async function act(event) {
		event.preventDefault();
		if (submit.disabled || !form.reportValidity()) return;
		submit.disabled = true;
		trouble.replaceChildren();
		try {
			await run(valuesOf(form));
			dialog.close();
		} catch (error) {
			fail(error);
		} finally {
			submit.disabled = false;
		}
	}

	document.body.append(dialog);
	dialog.showModal();
	/* What cannot be taken back is not one Enter away. */
	if (danger) cancel.focus();
	return dialog;
}

/** Where one is has changed: what they ask may not be about anything any more. */
export function closeDialogs() {
	for (const open of document.querySelectorAll("dialog.asking")) open.close();
}
