/* constant.c - the floor under our server: libmicrohttpd with one epoll thread and one ready-made body, nothing else.
 *
 *     constant PORT BYTES
 *
 * What it reaches is what no handler of ours can pass. */
#include <arpa/inet.h>
#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static enum MHD_Result answer(void *response, struct MHD_Connection *connection, const char *url, const char *method,
                              const char *version, const char *body, size_t *body_len, void **state)
{
    (void)url, (void)method, (void)version, (void)body, (void)body_len;
    if (!*state) {
        *state = response;
        return MHD_YES;
    }
    return MHD_queue_response(connection, MHD_HTTP_OK, response);
}

int main(int argc, char **argv)
{
    if (argc != 3)
        return 2;
    size_t len = (size_t)strtoul(argv[2], NULL, 10);
    char *body = malloc(len);
    if (!body)
        return 1;
    memset(body, 'x', len);
    struct MHD_Response *response = MHD_create_response_from_buffer(len, body, MHD_RESPMEM_PERSISTENT);
    MHD_add_response_header(response, "Content-Type", "application/json");
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons((uint16_t)strtoul(argv[1], NULL, 10)) };
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    struct MHD_Daemon *daemon = MHD_start_daemon(MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_TURBO, 0, NULL, NULL, answer,
                                                 response, MHD_OPTION_SOCK_ADDR, (struct sockaddr *)&address,
                                                 MHD_OPTION_CONNECTION_LIMIT, 4096u, MHD_OPTION_END);
    if (!daemon) {
        perror("MHD_start_daemon");
        return 1;
    }
    pause();
    return 0;
}
