// SPDX-License-Identifier: MIT
/* ask - sends a text to the module answers, and prints its answer */
#include <errno.h>
#include <linux/netlink.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define ANSWERS_PROTOCOL 28
#define ANSWERS_TEXT NLMSG_MIN_TYPE
#define ANSWERS_ATTR_TEXT 1
#define ANSWERS_MAX 64

struct message {
	struct nlmsghdr header;
	struct nlattr attr;
	char text[NLA_ALIGN(ANSWERS_MAX + 1)];
};

static int fail(const char *what)
{
	fprintf(stderr, "ask: %s: %s\n", what, strerror(errno));
	return 1;
}

static int ask(int fd, const char *text)
{
	struct message request = {
		.header = { .nlmsg_type = ANSWERS_TEXT, .nlmsg_flags = NLM_F_REQUEST, .nlmsg_seq = 1 },
		.attr = { .nla_type = ANSWERS_ATTR_TEXT },
	};
	union {
		struct nlmsghdr header;
		struct message message;
		char bytes[1024];
	} answer;
	size_t length = strlen(text) + 1;

	memcpy(request.text, text, length);
	request.attr.nla_len = NLA_HDRLEN + length;
	request.header.nlmsg_len = NLMSG_HDRLEN + NLA_ALIGN(request.attr.nla_len);
	if (send(fd, &request, request.header.nlmsg_len, 0) < 0)
		return fail("the text cannot be sent");
	if (recv(fd, &answer, sizeof(answer), 0) < (ssize_t)NLMSG_HDRLEN)
		return fail("there is no answer");
	if (answer.header.nlmsg_type == NLMSG_ERROR) {
		errno = -((struct nlmsgerr *)NLMSG_DATA(&answer.header))->error;
		return fail("the module refuses");
	}
	printf("%s\n", answer.message.text);
	return 0;
}

int main(int argc, char **argv)
{
	int fd, status;

	if (argc != 2 || strlen(argv[1]) > ANSWERS_MAX) {
		fprintf(stderr, "usage: ask TEXT (of %d bytes at most)\n", ANSWERS_MAX);
		return 2;
	}
	fd = socket(AF_NETLINK, SOCK_RAW, ANSWERS_PROTOCOL);
	if (fd < 0)
		return fail("there is no socket");
	status = ask(fd, argv[1]);
	close(fd);
	return status;
}
