/* main.js - from the sign-in page to the console and back. */
import { Api } from "./api.js";
import { App } from "./app.js";
import { button, el } from "./dom.js";
import { problem } from "./notice.js";
import { signInPage } from "./signin.js";

const api = new Api();
/** @type {App | null} */
let app = null;

function signIn(why) {
	app?.close();
	app = null;
	document.body.replaceChildren(signInPage(api, why, enter));
	document.querySelector("input").focus();
}

async function enter(session) {
	app = new App(api, session, await api.commands());
	document.body.replaceChildren(app.node);
	await app.refresh();
	app?.title.focus();
}

/** Not even known whether somebody is signed in. */
function stuck(error) {
	document.title = "No answer - winpop";
	document.body.replaceChildren(el("main", { class: "sign-in" },
		el("div", {}, el("h1", {}, "winpop"), problem(error), button("Try again", begin))));
}

async function begin() {
	try {
		const session = await api.session();
		if (session) await enter(session);
		else signIn("");
	} catch (error) {
		stuck(error);
	}
}

api.onEnded = signIn;
begin();
