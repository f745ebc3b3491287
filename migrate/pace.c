/* pace.c - a clock of tokens without a bucket, and waits that double.
 *
 * The last wait is cut so that there is one more try when patience ends, not up to five seconds before. Many who were under way
 * together fail together when a directory goes away: that is one trouble, and doubles the wait once.
 */
#include "migrate/pace.h"

void pace_begin(struct pace *p, uint64_t now_us)
{
	if (p->per_second > 0)
		p->next_us = now_us + (1000000 + p->per_second - 1) / p->per_second;
}

void patience_start(struct patience *p, unsigned limit_s, uint64_t now_us)
{
	*p = (struct patience){ .limit_us = (uint64_t)limit_s * 1000000 };
	patience_success(p, now_us);
}

void patience_success(struct patience *p, uint64_t now_us)
{
	p->success_us = now_us;
	p->retry_us = 0;
	p->step_us = RETRY_FIRST_US;
}

bool patience_trouble(struct patience *p, uint64_t now_us)
{
	uint64_t end_us = p->success_us + p->limit_us;

	if (now_us >= end_us)
		return false;
	if (now_us < p->retry_us) /* begun before the trouble was known */
		return true;
	p->retry_us = now_us + p->step_us;
	if (p->retry_us > end_us)
		p->retry_us = end_us;
	p->step_us = p->step_us < RETRY_MOST_US / 2 ? p->step_us * 2 : RETRY_MOST_US;
	return true;
}
