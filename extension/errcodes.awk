# errcodes.txt -> errcodes.h: one macro per state of ours, one table for the gateway.
# The macros need MAKE_SQLSTATE, so they are visible only where postgres.h came first.
/^#/ || NF == 0 { next }
{
	title = $5
	for (i = 6; i <= NF; i++)
		title = title " " $i
	if ($2 != "-")
	{
		s = $1
		macros = macros sprintf("#define ERRCODE_AGENDA_%s MAKE_SQLSTATE('%s','%s','%s','%s','%s')\n", \
			$2, substr(s, 1, 1), substr(s, 2, 1), substr(s, 3, 1), substr(s, 4, 1), substr(s, 5, 1))
	}
	rows = rows sprintf("\tX(\"%s\", %s, \"%s\", \"%s\") \\\n", $1, $3, $4, title)
}
END {
	print "/* built from errcodes.txt by errcodes.awk: do not edit */"
	print "#ifndef AGENDA_ERRCODES_H\n#define AGENDA_ERRCODES_H\n"
	print "#ifdef MAKE_SQLSTATE"
	printf "%s", macros
	print "#endif\n"
	print "/* X(sqlstate or class, HTTP status, problem name, title); exact states come before classes */"
	print "#define AGENDA_ERRCODE_TABLE(X) \\"
	printf "%s", rows
	print "\n#endif"
}
