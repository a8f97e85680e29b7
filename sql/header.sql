\echo Use "CREATE EXTENSION pg_agenda" to load this file. \quit

-- every object below is named with its schema; nothing is looked up on the way
set local search_path = pg_catalog, pg_temp;
-- functions may name objects of later files
set local check_function_bodies = off;

