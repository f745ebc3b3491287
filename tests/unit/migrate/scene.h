/* scene.h - a password file, a fake directory, and situations that an account can be in.
 *
 * Every situation can be put back as it was before, so that each attempt at it meets the same.
 */
#pragma once
#include "migrate/single.h"
#include "server/base/buf.h"
#include "tests/unit/accounts/people.h"
#include "tests/unit/migrate/fakedir.h"

#define KIM "kim@example.com"
#define KIMS_PASSWORD "Correct-Horse-7"
#define WEAK "abc"

struct scene;

struct situation {
	const char *name;
	void (*prepare)(struct scene *);
	bool link, notes, entries;
	enum mig_what want; /* of an undisturbed attempt */
};
extern const struct situation situations[];
extern const size_t n_situations;

/* All that outlives a process. */
struct picture {
	struct fake_state dir;
	struct buf journal, notes;
};

struct scene {
	const struct situation *is;
	struct people
		people; /* the mail root with the password file: kim@example.com, and others */
	struct fakedir dir;
	struct catalog *boxes;
	char journal[96], notes[96];
	int notes_fd;
	struct picture was; /* as prepared */
	struct buf records;
};

enum verb { DO, UNDO, CHECK };

void scene_setup(struct scene *sc, const struct situation *is);
void scene_teardown(struct scene *sc);
void scene_photograph(const struct scene *sc, struct picture *p);
void scene_restore(struct scene *sc, const struct picture *p);
void picture_drop(struct picture *p);
/* A journal and a struct single of its own, as a program that is started anew. */
enum single_end scene_try(struct scene *sc, enum verb verb, struct single_row *out);
/* The same in a process of its own, which a fault may kill. True: it did. */
bool scene_try_apart(struct scene *sc, enum verb verb);
void scene_past(struct scene *sc, struct journal_entry *out);
/* What the last line for kim says, "" = none. */
void scene_noted(struct scene *sc, char out[300]);

bool is_success(enum mig_what what);

/* ---- what must hold; each fails the test with words ---- */

/* At any moment. */
void must_be_sound(struct scene *sc);
/* After an attempt that says it worked. */
void must_work(struct scene *sc, const struct single_row *row);
/* After undo. */
void must_be_undone(struct scene *sc);
