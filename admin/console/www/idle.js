/* idle.js - tells a person, before the server ends a silent session, and lets him stay. */
import { button, el, newId } from "./dom.js";

const WARN_S = 60;
const LOOK_MS = 1000;

class Idle {
	/** @param {import("./app.js").App} app */
	constructor(app) {
		this.app = app;
		this.left = el("strong", { role: "timer" });
		this.timer = setInterval(() => this.#look(), LOOK_MS);
	}

	close() {
		clearInterval(this.timer);
	}

	#look() {
		const { api, session } = this.app;
		const left = Math.round(session.idle - (Date.now() - api.lastAsked) / 1000);
		if (left <= 0) this.#end();
		else if (left > Math.min(WARN_S, session.idle / 2)) this.dialog?.close();
		else this.#warn(left);
	}

	/** The server has ended it by now, or does so here: that it says so is no news. */
	#end() {
		const { api } = this.app;
		this.close();
		api.signOut().finally(() => api.onEnded("Nobody did anything for a while, so the session has ended."))
			.catch((error) => this.app.notices.failed(error));
	}

	#warn(left) {
		this.left.textContent = `${left} s`;
		if (this.dialog) return;
		const titleId = newId();
		this.dialog = el("dialog", { "aria-labelledby": titleId, on: { close: () => this.#gone(), cancel: () => this.#stay() } },
			el("h2", { id: titleId }, "Still there?"),
			el("p", {}, "The session ends in ", this.left, "."),
			el("div", { class: "buttons" }, button("Stay signed in", () => this.#stay(), { class: "primary" })));
		document.body.append(this.dialog);
		this.dialog.showModal();
	}

	/** By the button, or by Escape: who can press a key is there. */
	#stay() {
		this.dialog.close();
		this.app.attempt(() => this.app.api.session());
	}

	#gone() {
		this.dialog?.remove();
		this.dialog = null;
	}
}

export function openIdle(app) {
	return new Idle(app);
}
