/*
 * task_policy.h
 *		Does C know all that row-level security asks of agenda.tasks?
 */
#ifndef AGENDA_TASK_POLICY_H
#define AGENDA_TASK_POLICY_H

#include "utils/rel.h"

/*
 * The table has the one policy that it came with: rows are their owner's.  Where it has another, or that one
 * altered, who reads or writes past the executor must leave it to SQL.
 */
extern bool agenda_task_policy_is_ours(Relation rel);

#endif
