/* view_migration.js - migrateToAD: what would happen, then do it, then what became of whom.
 *
 * The plan and the run are the same command with and without /dry-run. What was done is in the server's journal, so stopping, or
 * leaving the page, loses nothing: the same once more goes on.
 */
import { Refusal } from "./api.js";
import { askFor, labelled } from "./dialog.js";
import { button, el } from "./dom.js";
import { csv, download } from "./download.js";
import { number } from "./format.js";
import { Job } from "./job.js";
import { problem, sentences } from "./notice.js";
import { fromList, pagedTable } from "./paged.js";
import { address, properties } from "./parts.js";

const COMMAND = "migrateToAD";

const COLUMNS = [
	{ title: "Mailbox", cell: (row) => address(row.mailbox), sort: (row) => row.mailbox },
	{ title: "Result", cell: (row) => row.result, sort: (row) => row.result },
	{ title: "Logon name", cell: (row) => row.logon, sort: (row) => row.logon },
	{ title: "Why", cell: (row) => row.why ?? "", sort: (row) => row.why ?? "" },
];

const FIELDS = [
	{ name: "who", label: "Accounts", help: "A mailbox, a domain, or empty for all." },
	{ name: "link", type: "checkbox", label: "Take accounts that are there already",
		help: "Where they have the mailbox's address or logon name; they keep the password they have." },
	{ name: "register", type: "checkbox", label: "Register mailboxes in the directory too", help: "With their locks and quota accounts, for catalog = directory." },
	{ name: "newpassword", label: "File for new passwords",
		help: "On the server; accounts whose password the directory's policy refuses get a random one, written there. Empty: they are not migrated." },
	{ name: "rate", label: "Accounts per second", type: "number", help: "Empty: as fast as it goes." },
];

class Migration {
	/** @param {import("./app.js").App} app @param {AbortSignal} signal */
	constructor(app, signal) {
		this.app = app;
		this.plan = el("button", { type: "submit", class: "primary" }, "Plan");
		this.go = button("Migrate", () => this.#confirm({ title: "Migrate", switches: {}, danger: false,
			text: "Accounts are made in the directory with the passwords they have. The password file stays, and people sign in by it until the method is changed." }));
		this.undo = button("Undo", () => this.#confirm({ title: "Undo the migration", switches: { undo: true }, danger: true,
			text: "Removes from the directory what this command made there, and nothing else." }));
		this.form = el("form", { class: "migration", novalidate: true, on: { submit: (event) => {
			event.preventDefault();
			this.#run("Plan", { "dry-run": true });
		} } }, FIELDS.map(labelled), el("div", { class: "buttons" }, this.plan, this.go, this.undo));
		this.job = new Job(app, { buttons: [this.plan, this.go, this.undo], signal, report });
	}

	#arguments() {
		const { who, link, register, newpassword, rate } = this.form.elements;
		const name = who.value.trim();
		return {
			args: name ? [name] : [],
			switches: {
				...(!name && { all: true }), ...(link.checked && { link: true }), ...(register.checked && { register: true }),
				...(newpassword.value.trim() && { newpassword: newpassword.value.trim() }), ...(rate.value && { rate: rate.value }),
			},
		};
	}

	#confirm({ title, text, switches, danger }) {
		const whom = this.form.elements.who.value.trim() || "all accounts";
		askFor(this.app, { title, action: title, danger, text: [text, `This is about ${whom}.`],
			run: async () => { this.#run(title, switches); } });
	}

	#run(title, more) {
		const { args, switches } = this.#arguments();
		if (more.undo) delete switches.link, delete switches.newpassword;
		return this.job.begin(title, COMMAND, args, { ...switches, ...more });
	}
}

async function report(title, result) {
	const rows = result.accounts ?? [];
	const totals = result.totals ?? result.plan ?? [];
	const name = `migration-${new Date().toISOString().slice(0, 16).replace(":", "")}`;
	const table = rows.length > 0 && await pagedTable({
		caption: title, columns: COLUMNS, search: "Search accounts", empty: "No account is concerned.", sorts: true,
		key: (row) => row.mailbox,
		load: fromList(rows, { columns: COLUMNS, text: (row) => `${row.mailbox} ${row.result} ${row.why ?? ""}` }),
	}, {});
	const files = rows.length > 0 && el("div", { class: "buttons" },
		button("Download as JSON", () => download(`${name}.json`, "application/json", JSON.stringify(result, null, "\t"))),
		button("Download as CSV", () => download(`${name}.csv`, "text/csv", csv(rows))));
	return [
		result.error && problem(new Refusal(0, { error: result.error })),
		...sentences(result).map((words) => el("p", {}, words)),
		totals.length > 0 && properties(totals.map((row) => [row.result, number(row.accounts)])), files, table,
	];
}

/** @type {typeof import("./views.js").VIEWS.migration} */
export async function migrationView(app, _, signal) {
	const migration = new Migration(app, signal);
	await migration.job.resume("Migration", (job) => job.command === COMMAND);
	return {
		title: "Migration",
		nodes: [
			el("p", {}, "Migrates accounts of the encrypted password file, with their passwords, to user accounts of Active Directory or of OpenLDAP. "
				+ "Plan shows what would happen and touches nothing."),
			migration.form, migration.job.place,
		],
	};
}
