/* jobs.h - commands that take their time: begun by one request, looked at by others, kept for a while when they have ended.
 *
 * Thread: the keeper's. Everybody sees his own; whose the server is sees all.
 */
#pragma once
#include "admin/console/keeper.h"

#define JOBS_RUNNING 4
#define JOBS_DELEGATE 2 /* of these */
#define JOBS_KEPT 32
#define JOB_KEEP_MS (3600ull * 1000)

struct jobs *jobs_new(struct keeper *k);
void jobs_free(struct jobs **j);
/* Each answers the question. */
void jobs_begin(struct jobs *j, struct ask *a); /* a->order */
void jobs_list(struct jobs *j, struct ask *a);
void jobs_show(struct jobs *j, struct ask *a);
void jobs_end(struct jobs *j, struct ask *a);

/* What a line of progress says, for tests: {"done","of","failed","planning"}; NULL: it is another one. */
json_t *job_progress(const char *line, size_t len);
