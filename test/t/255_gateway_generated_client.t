# A client generated from the OpenAPI document by an ordinary tool makes, lists and completes a task.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";
use AgendaGateway;
use AgendaTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $VERSION = '0.29.1';
my $home = "$ENV{TESTDIR}/openapi-python-client-$VERSION";

# The tool comes from the Python package index, once, into build/.
sub installed
{
    return 1 if -e "$home/ready";
    return if system("/usr/bin/python3 -m venv '$home' >/dev/null 2>&1 && '$home/bin/pip' install -q 'openapi-python-client==$VERSION' >/dev/null 2>&1") != 0;
    open my $out, '>', "$home/ready" or return;
    return close $out;
}
plan skip_all => "openapi-python-client $VERSION can't be installed (python3-venv, and the Python package index)" unless installed();

my $node = agenda_node('client');
my $gateway = AgendaGateway->start($node);
my $dir = PostgreSQL::Test::Utils::tempdir();
my $log = "$PostgreSQL::Test::Utils::log_path/255_generate.log";
# the tool asks how a body is sent that is neither JSON nor a form: as it is
open my $config, '>', "$dir/config.yml" or die "config.yml: $!";
print $config "content_type_overrides:\n  text/calendar: application/octet-stream\n";
close $config;
chdir $dir;
is(system("PATH='$home/bin':\$PATH openapi-python-client generate --config config.yml --meta none --output-path '$dir/agenda_client' --url '@{[ $gateway->url ]}/openapi.json' >'$log' 2>&1"),
    0, 'a client is generated') or diag(slurp($log));
unlike(slurp($log), qr/^WARNING parsing/m, 'of the whole document') or diag(slurp($log));

open my $out, '>', "$dir/smoke.py" or die "smoke.py: $!";
print $out <<'PYTHON';
import sys
from agenda_client import AuthenticatedClient
from agenda_client.api.default import complete_task, create_task, list_tasks
from agenda_client.models import NewTask

client = AuthenticatedClient(base_url=sys.argv[1], token=sys.argv[2])
made = create_task.sync(client=client, body=NewTask(title="By a generated client"))
print("made", made.title, made.status)
found = list_tasks.sync(client=client, page_size=5)
print("listed", found.total, [t.id for t in found.items] == [made.id], found.next_cursor)
done = complete_task.sync(made.id, client=client)
print("completed", done.status, done.next_task)
PYTHON
close $out;
is(system("'$home/bin/python' '$dir/smoke.py' '@{[ $gateway->url ]}' '@{[ $gateway->token_of('generated') ]}' >'$dir/out' 2>&1"), 0, 'it runs') or diag(slurp("$dir/out"));
is(slurp("$dir/out"), "made By a generated client pending\nlisted 1 True None\ncompleted completed None\n", 'it makes, lists and completes a task');
is($gateway->stop, 0, 'exit status 0');
done_testing();
