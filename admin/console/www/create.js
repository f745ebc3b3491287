/* create.js - the windows of New: Domain, Mailbox. */
import { askFor } from "./dialog.js";
import { domainPlace } from "./place.js";

/** @typedef {import("./app.js").App} App */

const NAME_MAX = { local: 20, file: 64, ad: 64 };

/** @param {App} app */
export function newDomain(app) {
	askFor(app, {
		title: "New domain", action: "Create",
		fields: [{ name: "domain", label: "Domain name", required: true, maxlength: 253, help: "The whole name, for example example.com." }],
		run: ({ domain }) => app.perform({ text: `The domain ${domain.trim()} is created.`, command: "add", args: [domain.trim()] }),
	});
}

/** Typed twice, as nobody sees what is typed. */
export function passwordFields() {
	return [
		{ name: "password", label: "Password", type: "password", autocomplete: "new-password" },
		{ name: "again", label: "Confirm password", type: "password", autocomplete: "new-password" },
	];
}

/** @param {App} app */
export function samePassword(app, { password, again }) {
	if (!password) throw app.refusal("The password is missing.", "");
	if (password !== again) throw app.refusal("The passwords are not the same.", "Type it twice.");
	return password;
}

/** With the password file, and by those with some domains only, a mailbox is made together with its account: nothing to choose. */
function userField(app) {
	if (app.session.authentication === "file" || !app.session.whole) return [];
	return [{ name: "createuser", label: "Create associated user for this mailbox", type: "checkbox", value: app.session.create_user,
		help: "Clear it only if there is an account of the same name; then the password is not needed." }];
}

/** @param {App} app @param {string} domain */
export function newMailbox(app, domain) {
	askFor(app, {
		title: `New mailbox in ${domain}`, action: "Create",
		fields: [
			{ name: "name", label: "Mailbox name", required: true, maxlength: NAME_MAX[app.session.authentication],
				help: `What stands before @${domain}.` },
			...passwordFields(), ...userField(app),
		],
		run: async ({ name, createuser = true, ...typed }) => {
			const address = `${name.trim()}@${domain}`;
			const account = createuser ? { switches: { createuser: true }, password: samePassword(app, typed) } : {};
			await app.perform({ text: `The mailbox ${address} is created.`, command: "add", args: [address], ...account,
				then: domainPlace(domain) });
		},
	});
}
