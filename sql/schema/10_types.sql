-- The type agenda.rrule: a recurrence rule of RFC 5545 with SKIP of RFC 7529.
--
-- Text in, canonical text out; the words daily, weekly, monthly and yearly are read too.
-- Stored, compared and hashed as its canonical text (extension/rrule_type.c).

create type agenda.rrule;

create function agenda.rrule_in(cstring) returns agenda.rrule
	language c immutable strict parallel safe as 'MODULE_PATHNAME', 'agenda_rrule_in';
create function agenda.rrule_out(agenda.rrule) returns cstring
	language c immutable strict parallel safe as 'MODULE_PATHNAME', 'agenda_rrule_out';
create function agenda.rrule_recv(internal) returns agenda.rrule
	language c immutable strict parallel safe as 'MODULE_PATHNAME', 'agenda_rrule_recv';
create function agenda.rrule_send(agenda.rrule) returns bytea
	language c immutable strict parallel safe as 'MODULE_PATHNAME', 'agenda_rrule_send';

create type agenda.rrule (
	input = agenda.rrule_in,
	output = agenda.rrule_out,
	receive = agenda.rrule_recv,
	send = agenda.rrule_send,
	internallength = variable,
	storage = extended
);

create function agenda.rrule_eq(agenda.rrule, agenda.rrule) returns boolean
	language c immutable strict leakproof parallel safe as 'MODULE_PATHNAME', 'agenda_rrule_eq';
create function agenda.rrule_ne(agenda.rrule, agenda.rrule) returns boolean
	language c immutable strict leakproof parallel safe as 'MODULE_PATHNAME', 'agenda_rrule_ne';
create function agenda.rrule_lt(agenda.rrule, agenda.rrule) returns boolean
	language c immutable strict leakproof parallel safe as 'MODULE_PATHNAME', 'agenda_rrule_lt';
create function agenda.rrule_le(agenda.rrule, agenda.rrule) returns boolean
	language c immutable strict leakproof parallel safe as 'MODULE_PATHNAME', 'agenda_rrule_le';
create function agenda.rrule_gt(agenda.rrule, agenda.rrule) returns boolean
	language c immutable strict leakproof parallel safe as 'MODULE_PATHNAME', 'agenda_rrule_gt';
create function agenda.rrule_ge(agenda.rrule, agenda.rrule) returns boolean
	language c immutable strict leakproof parallel safe as 'MODULE_PATHNAME', 'agenda_rrule_ge';
create function agenda.rrule_cmp(agenda.rrule, agenda.rrule) returns integer
	language c immutable strict leakproof parallel safe as 'MODULE_PATHNAME', 'agenda_rrule_cmp';
create function agenda.rrule_hash(agenda.rrule) returns integer
	language c immutable strict leakproof parallel safe as 'MODULE_PATHNAME', 'agenda_rrule_hash';
create function agenda.rrule_hash_extended(agenda.rrule, bigint) returns bigint
	language c immutable strict leakproof parallel safe as 'MODULE_PATHNAME', 'agenda_rrule_hash_extended';

create operator agenda.= (
	leftarg = agenda.rrule, rightarg = agenda.rrule, function = agenda.rrule_eq,
	commutator = operator(agenda.=), negator = operator(agenda.<>),
	restrict = eqsel, join = eqjoinsel, hashes, merges
);
create operator agenda.<> (
	leftarg = agenda.rrule, rightarg = agenda.rrule, function = agenda.rrule_ne,
	commutator = operator(agenda.<>), negator = operator(agenda.=),
	restrict = neqsel, join = neqjoinsel
);
create operator agenda.< (
	leftarg = agenda.rrule, rightarg = agenda.rrule, function = agenda.rrule_lt,
	commutator = operator(agenda.>), negator = operator(agenda.>=),
	restrict = scalarltsel, join = scalarltjoinsel
);
create operator agenda.<= (
	leftarg = agenda.rrule, rightarg = agenda.rrule, function = agenda.rrule_le,
	commutator = operator(agenda.>=), negator = operator(agenda.>),
	restrict = scalarlesel, join = scalarlejoinsel
);
create operator agenda.> (
	leftarg = agenda.rrule, rightarg = agenda.rrule, function = agenda.rrule_gt,
	commutator = operator(agenda.<), negator = operator(agenda.<=),
	restrict = scalargtsel, join = scalargtjoinsel
);
create operator agenda.>= (
	leftarg = agenda.rrule, rightarg = agenda.rrule, function = agenda.rrule_ge,
	commutator = operator(agenda.<=), negator = operator(agenda.<),
	restrict = scalargesel, join = scalargejoinsel
);

create operator class agenda.rrule_btree_ops default for type agenda.rrule using btree as
	operator 1 agenda.<,
	operator 2 agenda.<=,
	operator 3 agenda.=,
	operator 4 agenda.>=,
	operator 5 agenda.>,
	function 1 agenda.rrule_cmp(agenda.rrule, agenda.rrule);

create operator class agenda.rrule_hash_ops default for type agenda.rrule using hash as
	operator 1 agenda.=,
	function 1 agenda.rrule_hash(agenda.rrule),
	function 2 agenda.rrule_hash_extended(agenda.rrule, bigint);

create cast (text as agenda.rrule) with inout as assignment;
create cast (agenda.rrule as text) with inout as assignment;

comment on type agenda.rrule is 'recurrence rule of RFC 5545 (with SKIP of RFC 7529), kept in canonical form';
comment on function agenda.rrule_in(cstring) is 'input of agenda.rrule: rule text, or daily, weekly, monthly, yearly';
comment on function agenda.rrule_out(agenda.rrule) is 'output of agenda.rrule: canonical rule text';
comment on function agenda.rrule_recv(internal) is 'binary input of agenda.rrule: version byte and rule text';
comment on function agenda.rrule_send(agenda.rrule) is 'binary output of agenda.rrule: version byte and canonical rule text';
comment on function agenda.rrule_eq(agenda.rrule, agenda.rrule) is 'equal canonical texts';
comment on function agenda.rrule_ne(agenda.rrule, agenda.rrule) is 'different canonical texts';
comment on function agenda.rrule_lt(agenda.rrule, agenda.rrule) is 'order of the canonical texts, bytewise';
comment on function agenda.rrule_le(agenda.rrule, agenda.rrule) is 'order of the canonical texts, bytewise';
comment on function agenda.rrule_gt(agenda.rrule, agenda.rrule) is 'order of the canonical texts, bytewise';
comment on function agenda.rrule_ge(agenda.rrule, agenda.rrule) is 'order of the canonical texts, bytewise';
comment on function agenda.rrule_cmp(agenda.rrule, agenda.rrule) is 'order of the canonical texts for btree indexes';
comment on function agenda.rrule_hash(agenda.rrule) is 'hash of the canonical text';
comment on function agenda.rrule_hash_extended(agenda.rrule, bigint) is 'seeded hash of the canonical text';
