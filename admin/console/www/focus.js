/* focus.js - the focus survives that what it was on is made anew: elements that stand for the same have the same data-key. */

/** The key of what has the focus; undefined if it has none. */
export function focusedKey() {
	return document.activeElement?.dataset.key;
}

/** Only where the focus was lost. @param {string | undefined} key */
export function restoreFocus(key) {
	if (document.activeElement && document.activeElement !== document.body) return;
	if (key !== undefined) document.querySelector(`[data-key="${CSS.escape(key)}"]`)?.focus();
	/* What is disabled, or folded away, does not take it. */
	if (document.activeElement === document.body) document.querySelector("h1")?.focus();
}
