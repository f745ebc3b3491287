/* signin.js - the first page. */
import { el } from "./dom.js";
import { labelled } from "./dialog.js";
import { problem } from "./notice.js";

/**
 * @param {import("./api.js").Api} api
 * @param {string} why what ended the session before, or ""
 * @param {(session: object) => Promise<void>} enter
 */
export function signInPage(api, why, enter) {
	const trouble = el("div", { role: "alert" }, why && el("p", { class: "notice" }, why));
	const name = labelled({ name: "name", label: "Name", autocomplete: "username", required: true,
		help: "A user of the computer, or a whole mail address." });
	const password = labelled({ name: "password", label: "Password", type: "password", autocomplete: "current-password", required: true });
	const submit = el("button", { type: "submit", class: "primary" }, "Sign in");
	const form = el("form", { novalidate: true, on: { submit: (event) => go(event) } },
		el("h1", {}, "winpop"), name, password, trouble, submit);

	async function go(event) {
		event.preventDefault();
		if (submit.disabled || !form.reportValidity()) return;
		submit.disabled = true;
		trouble.replaceChildren();
		try {
			await enter(await api.signIn(form.elements.name.value, form.elements.password.value));
		} catch (error) {
			trouble.append(problem(error));
			form.elements.password.value = "";
			form.elements.password.focus();
		} finally {
			submit.disabled = false;
		}
	}

	document.title = "Sign in - winpop";
	return el("main", { class: "sign-in" }, form);
}
