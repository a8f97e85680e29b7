# TestServer - the one server that the pgTAP files and the isolation specs share.
#
# Started and stopped by run_tests.pl.  It preloads pg_agenda, so the workers run beside the
# tests; no broker is configured.  It listens on a socket in a short private directory only and
# keeps its data and its log below the directory that start() is given.
package TestServer;

use strict;
use warnings;

use File::Temp qw(tempdir);

my $settings = <<'CONF';
listen_addresses = ''
shared_preload_libraries = 'pg_agenda'
fsync = off
max_prepared_transactions = 10
max_worker_processes = 32
autovacuum_naptime = 1h
log_line_prefix = '%m [%p] %b %a '
log_min_messages = info
CONF

sub start
{
    my ($class, $directory) = @_;
    my $self = bless {
        data => "$directory/data",
        log => "$directory/server.log",
        host => tempdir(DIR => '/tmp', CLEANUP => 1),
        owner => $$,
    }, $class;

    mkdir $directory;
    run("initdb", '-D', $self->{data}, '-U', 'postgres', '-A', 'trust', '-N', '-E', 'UTF8',
        '--locale=C.UTF-8');
    append("$self->{data}/postgresql.conf",
        $settings . "unix_socket_directories = '$self->{host}'\n");
    run('pg_ctl', '-D', $self->{data}, '-l', $self->{log}, '-w', '-t', '60', 'start');

    $ENV{PGHOST} = $self->{host};
    $ENV{PGPORT} = 5432;
    $ENV{PGUSER} = 'postgres';
    $self->create_database($_, ($_ eq 'agenda' ? 'pgtap' : ()), 'pg_agenda')
      foreach qw(agenda agenda_isolation);
    delete @ENV{qw(PGHOST PGPORT PGUSER)};
    return $self;
}

sub create_database
{
    my ($self, $database, @extensions) = @_;
    run('createdb', $database);
    run('psql', '-XAtqc', "create extension $_ cascade", $database) foreach @extensions;
}

sub log { return $_[0]{log} }

# stderr is part of the stream's story: an ERROR stands between the tests where it happened.
sub psql_command
{
    my ($self, $file) = @_;
    return [
        'env', @{ $self->connection('agenda') },
        'psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-P', 'pager=off', '-f', $file
    ];
}

sub isolation_command
{
    my ($self, $file, $output) = @_;
    return [
        'env', @{ $self->connection('agenda_isolation') },
        "$ENV{AGENDA_ROOT}/test/regress/isolation", $file, $output
    ];
}

sub connection
{
    my ($self, $database) = @_;
    return [ "PGHOST=$self->{host}", 'PGPORT=5432', 'PGUSER=postgres', "PGDATABASE=$database", 'PGOPTIONS=' . ($ENV{AGENDA_TEST_OPTIONS} // '') ];
}

sub stop
{
    my ($self) = @_;
    return if $self->{owner} != $$ || !-e "$self->{data}/postmaster.pid";
    run('pg_ctl', '-D', $self->{data}, '-m', 'immediate', '-w', 'stop');
}

sub append
{
    my ($file, $text) = @_;
    open my $out, '>>', $file or die "$file: $!\n";
    print $out $text;
    close $out or die "$file: $!\n";
}

# Runs a program quietly; what it said is shown only if it failed.
sub run
{
    my @command = @_;
    my $output = `@{[ join ' ', map { quote($_) } @command ]} 2>&1 </dev/null`;
    die "$command[0] failed:\n$output" if $?;
}

sub quote
{
    my ($word) = @_;
    $word =~ s/'/'\\''/g;
    return "'$word'";
}

1;
