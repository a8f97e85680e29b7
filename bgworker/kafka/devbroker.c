/*
 * devbroker.c
 *		agenda-devbroker: a small Kafka broker for development and fault tests.
 *
 * It is librdkafka's mock cluster in a process of its own: real sockets on 127.0.0.1, any Kafka
 * client can use it, but nothing is stored on disk and a partition keeps 5 MB or 100,000
 * messages.  "make run" starts one; tests steer one by the line protocol of --control, each
 * line answered by "ok" or "error: reason" on standard output.
 *
 * Threads: the mock cluster runs on librdkafka's; main() only waits for signals and lines.
 * Signals are blocked before the library starts its threads and let in by ppoll() alone.
 */
#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

#define MAX_ERRORS 10000

struct options
{
	int brokers;
	const char *address_file;
	bool control;
};

struct command
{
	const char *name;
	int args;
	bool (*run)(rd_kafka_mock_cluster_t *cluster, char **arg);
	const char *help;
};

static volatile sig_atomic_t stopping = 0;

static bool run_down(rd_kafka_mock_cluster_t *cluster, char **arg);
static bool run_up(rd_kafka_mock_cluster_t *cluster, char **arg);
static bool run_rtt(rd_kafka_mock_cluster_t *cluster, char **arg);
static bool run_error(rd_kafka_mock_cluster_t *cluster, char **arg);
static bool run_topic(rd_kafka_mock_cluster_t *cluster, char **arg);
static bool run_topic_error(rd_kafka_mock_cluster_t *cluster, char **arg);
static bool run_leader(rd_kafka_mock_cluster_t *cluster, char **arg);

static const struct command commands[] = {
	{ "down", 1, run_down, "down ID                        stop answering on broker ID" },
	{ "up", 1, run_up, "up ID                          answer again" },
	{ "rtt", 2, run_rtt, "rtt ID MS                      delay every answer of broker ID" },
	{ "error", 3, run_error,
	  "error APIKEY CODE COUNT        fail the next COUNT requests (0 produce, 3 metadata)" },
	{ "topic", 2, run_topic, "topic NAME PARTITIONS          create a topic" },
	{ "topic-error", 2, run_topic_error,
	  "topic-error NAME CODE          answer metadata of NAME with CODE (0: no more)" },
	{ "leader", 3, run_leader,
	  "leader NAME PARTITION ID       move a partition's leader (-1: no leader)" },
};

static void
print_help(void)
{
	printf("agenda-devbroker " AGENDA_VERSION ": a Kafka broker for development and tests\n"
		   "\n"
		   "usage: agenda-devbroker [--brokers N] [--address-file FILE] [--control]\n"
		   "\n"
		   "  --brokers N          number of brokers (1)\n"
		   "  --address-file FILE  write the bootstrap address there too\n"
		   "  --control            read commands from standard input; its end stops the broker\n"
		   "  --help, --version\n"
		   "\n"
		   "Prints its bootstrap address on one line and stays until SIGTERM or SIGINT.\n"
		   "NOT DURABLE: everything is in memory and gone at exit, and a partition keeps only\n"
		   "its newest 5 MB or 100,000 messages.  It listens on 127.0.0.1 and asks nobody who\n"
		   "they are.\n"
		   "\n"
		   "commands (--control), each answered by \"ok\" or \"error: ...\":\n");
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		printf("  %s\n", commands[i].help);
}

static void
die(const char *format, ...)
{
	va_list args;

	fprintf(stderr, "agenda-devbroker: ");
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	exit(1);
}

/* A decimal number inside [low, high], or false. */
static bool
parse_number(const char *text, long low, long high, int *number)
{
	char *end;
	long value;

	errno = 0;
	value = strtol(text, &end, 10);
	if (errno != 0 || end == text || *end != '\0' || value < low || value > high)
		return false;
	*number = (int) value;
	return true;
}

static void
parse_options(int argc, char **argv, struct options *options)
{
	static const struct option names[] = {
		{ "brokers", required_argument, NULL, 'b' },
		{ "address-file", required_argument, NULL, 'a' },
		{ "control", no_argument, NULL, 'c' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'v' },
		{ NULL, 0, NULL, 0 },
	};
	int option;

	while ((option = getopt_long(argc, argv, "", names, NULL)) != -1)
		switch (option)
		{
			case 'b':
				if (!parse_number(optarg, 1, 100, &options->brokers))
					die("--brokers must be between 1 and 100");
				break;
			case 'a':
				options->address_file = optarg;
				break;
			case 'c':
				options->control = true;
				break;
			case 'h':
				print_help();
				exit(0);
			case 'v':
				puts("agenda-devbroker " AGENDA_VERSION);
				exit(0);
			default:
				exit(2);
		}
	if (optind < argc)
		die("unexpected argument \"%s\"", argv[optind]);
}

/* ---- commands ------------------------------------------------------------------------------ */

static bool
run_down(rd_kafka_mock_cluster_t *cluster, char **arg)
{
	int id;

	return parse_number(arg[0], 1, 100, &id) &&
		   rd_kafka_mock_broker_set_down(cluster, id) == RD_KAFKA_RESP_ERR_NO_ERROR;
}

static bool
run_up(rd_kafka_mock_cluster_t *cluster, char **arg)
{
	int id;

	return parse_number(arg[0], 1, 100, &id) &&
		   rd_kafka_mock_broker_set_up(cluster, id) == RD_KAFKA_RESP_ERR_NO_ERROR;
}

static bool
run_rtt(rd_kafka_mock_cluster_t *cluster, char **arg)
{
	int id;
	int ms;

	return parse_number(arg[0], 1, 100, &id) && parse_number(arg[1], 0, 600000, &ms) &&
		   rd_kafka_mock_broker_set_rtt(cluster, id, ms) == RD_KAFKA_RESP_ERR_NO_ERROR;
}

static bool
run_error(rd_kafka_mock_cluster_t *cluster, char **arg)
{
	static rd_kafka_resp_err_t errors[MAX_ERRORS];
	int api_key;
	int code;
	int count;

	if (!parse_number(arg[0], 0, 100, &api_key) || !parse_number(arg[1], -200, 200, &code) ||
		!parse_number(arg[2], 1, MAX_ERRORS, &count))
		return false;
	for (int i = 0; i < count; i++)
		errors[i] = (rd_kafka_resp_err_t) code;
	rd_kafka_mock_push_request_errors_array(cluster, (int16_t) api_key, (size_t) count, errors);
	return true;
}

static bool
run_topic(rd_kafka_mock_cluster_t *cluster, char **arg)
{
	int partitions;

	return parse_number(arg[1], 1, 1000, &partitions) &&
		   rd_kafka_mock_topic_create(cluster, arg[0], partitions, 1) == RD_KAFKA_RESP_ERR_NO_ERROR;
}

static bool
run_topic_error(rd_kafka_mock_cluster_t *cluster, char **arg)
{
	int code;

	if (!parse_number(arg[1], -200, 200, &code))
		return false;
	rd_kafka_mock_topic_set_error(cluster, arg[0], (rd_kafka_resp_err_t) code);
	return true;
}

static bool
run_leader(rd_kafka_mock_cluster_t *cluster, char **arg)
{
	int partition;
	int id;

	return parse_number(arg[1], 0, 1000, &partition) && parse_number(arg[2], -1, 100, &id) &&
		   rd_kafka_mock_partition_set_leader(cluster, arg[0], partition, id) ==
			   RD_KAFKA_RESP_ERR_NO_ERROR;
}

/* Runs one line and answers it. */
static void
run_line(rd_kafka_mock_cluster_t *cluster, char *line)
{
	char *word[5];
	char *rest = NULL;
	int n = 0;
	const char *answer = "error: unknown command, or wrong number of arguments";

	for (char *w = strtok_r(line, " \t\r\n", &rest); w != NULL && n < 5;
		 w = strtok_r(NULL, " \t\r\n", &rest))
		word[n++] = w;
	if (n == 0)
		return;
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (strcmp(word[0], commands[i].name) == 0 && n == commands[i].args + 1)
			answer = commands[i].run(cluster, word + 1) ? "ok" : "error: refused";
	puts(answer);
	fflush(stdout);
}

/* ---- process ------------------------------------------------------------------------------- */

static void
on_stop_signal(int signo)
{
	(void) signo;
	stopping = 1;
}

static void
write_address(const struct options *options, const char *address)
{
	puts(address);
	fflush(stdout);
	if (options->address_file != NULL)
	{
		FILE *file = fopen(options->address_file, "w");

		if (file == NULL || fprintf(file, "%s\n", address) < 0 || fclose(file) != 0)
			die("could not write \"%s\": %s", options->address_file, strerror(errno));
	}
}

/* Feeds whole lines to run_line(); false at the end of input. */
static bool
read_commands(rd_kafka_mock_cluster_t *cluster)
{
	static char buf[1024];
	static size_t used = 0;
	ssize_t got = read(STDIN_FILENO, buf + used, sizeof(buf) - 1 - used);
	char *end;

	if (got <= 0)
		return got < 0 && errno == EINTR;
	used += (size_t) got;
	buf[used] = '\0';
	while ((end = strchr(buf, '\n')) != NULL)
	{
		*end = '\0';
		run_line(cluster, buf);
		used -= (size_t) (end + 1 - buf);
		memmove(buf, end + 1, used + 1);
	}
	if (used == sizeof(buf) - 1)
		used = 0; /* no command is that long */
	return true;
}

static void
serve(rd_kafka_mock_cluster_t *cluster, bool control, const sigset_t *wait_mask)
{
	struct pollfd input = { .fd = STDIN_FILENO, .events = POLLIN };

	while (!stopping)
		if (ppoll(&input, control ? 1 : 0, NULL, wait_mask) > 0 && !read_commands(cluster))
			break;
}

int
main(int argc, char **argv)
{
	struct options options = { .brokers = 1 };
	struct sigaction action = { .sa_handler = on_stop_signal };
	rd_kafka_mock_cluster_t *cluster;
	rd_kafka_t *instance;
	rd_kafka_conf_t *conf;
	sigset_t blocked;
	sigset_t before;
	char errstr[256];

	parse_options(argc, argv, &options);

	sigfillset(&blocked);
	sigprocmask(SIG_SETMASK, &blocked, &before);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGINT, &action, NULL);
	signal(SIGPIPE, SIG_IGN);

	/* the mock cluster lives inside of a client, whose socket settings it takes over */
	conf = rd_kafka_conf_new();
	rd_kafka_conf_set(conf, "log_level", "3", errstr, sizeof(errstr));
	rd_kafka_conf_set(conf, "socket.nagle.disable", "true", errstr, sizeof(errstr));
	instance = rd_kafka_new(RD_KAFKA_PRODUCER, conf, errstr, sizeof(errstr));
	if (instance == NULL)
		die("%s", errstr);
	cluster = rd_kafka_mock_cluster_new(instance, options.brokers);
	if (cluster == NULL)
		die("could not start the brokers");

	write_address(&options, rd_kafka_mock_cluster_bootstraps(cluster));
	serve(cluster, options.control, &before);

	rd_kafka_mock_cluster_destroy(cluster);
	rd_kafka_destroy(instance);
	return 0;
}
