# schemathesis over the OpenAPI document: whatever a generator makes of it, with and without a token, the gateway answers
# what the document says: no 5xx, no status and no body that is not documented.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";
use AgendaGateway;
use AgendaTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $VERSION = '4.32.5';
my $home = "$ENV{TESTDIR}/schemathesis-$VERSION";

# The tool comes from the Python package index, once, into build/.
sub st_command
{
    return "$home/bin/st" if -e "$home/ready";
    return if system("/usr/bin/python3 -m venv '$home' >/dev/null 2>&1 && '$home/bin/pip' install -q 'schemathesis==$VERSION' >/dev/null 2>&1") != 0;
    open my $out, '>', "$home/ready" or return;
    close $out;
    return "$home/bin/st";
}

my $st = st_command();
plan skip_all => "schemathesis $VERSION can't be installed (python3-venv, and the Python package index)" unless $st;

my $node = agenda_node('schema');
my $gateway = AgendaGateway->start($node, MAX_OPERATIONS => 5, ACCESS_LOG => 'off');
# all but the rejection of what the document does not list: members that are not known are ignored
my @checks = qw(not_a_server_error status_code_conformance content_type_conformance response_headers_conformance response_schema_conformance
  ignored_auth unsupported_method missing_required_header);
my $examples = $ENV{AGENDA_SCHEMA_EXAMPLES} // 12;

sub run_st
{
    my ($what, @options) = @_;
    my $log = "$PostgreSQL::Test::Utils::log_path/250_$what.log";
    local $ENV{HYPOTHESIS_STORAGE_DIRECTORY} = PostgreSQL::Test::Utils::tempdir();
    chdir PostgreSQL::Test::Utils::tempdir();
    my $status = system("'$st' run '@{[ $gateway->url ]}/openapi.json' @options >'$log' 2>&1");
    my $text = slurp($log);
    my ($cases) = $text =~ /(\d+) generated/;
    ok($status == 0, "$what: " . ($cases // 'no') . ' cases') or diag(substr $text, -6000);
    return;
}

my $common = "--seed 1 --no-color -n $examples --phases examples,coverage,fuzzing --generation-allow-x00 false --suppress-health-check all "
  # a stream does not end
  . q{--exclude-path '/api/stream' };
run_st('authenticated', $common, '--checks', join(',', @checks), "-H 'Authorization: Bearer @{[ $gateway->token_of('st') ]}'");
run_st('anonymous', $common, '--checks', 'not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance');
is($gateway->user->get('/readyz')->{status}, 200, 'alive and ready afterwards');
unlike($gateway->log_text, qr/"level":"error"/, 'and nothing went wrong inside') or diag(join "\n", grep { /"level":"error"/ } split /\n/, $gateway->log_text);
is($gateway->stop, 0, 'exit status 0');
done_testing();
