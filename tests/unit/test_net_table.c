/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Rows of /proc/PID/net/tcp and tcp6. */

#include <arpa/inet.h>
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/proc/net_table.h"

START_TEST(a_row_of_each_kind)
{
        struct net_row row;

        ck_assert_int_eq(net_row_parse("   0: 0100007F:232B 00000000:0000 0A 00000000:00000000 00:00000000 "
                                       "00000000  1000        0 41234 1 0000000000000000 100 0 0 10 0\n",
                                       &row),
                         0);
        ck_assert_str_eq(row.local, "127.0.0.1:9003");
        ck_assert_uint_eq(row.local_port, 9003);
        ck_assert_uint_eq(row.inode, 41234);
        ck_assert(row.listens && !row.established);
        ck_assert_int_eq(net_row_parse("   1: 00000000000000000000000001000000:2328 "
                                       "00000000000000000000000001000000:9C40 01 00000000:00000000 "
                                       "00:00000000 00000000     0        0 7 1 0 20 4 30 10 -1\n",
                                       &row),
                         0);
        ck_assert_str_eq(row.local, "[::1]:9000");
        ck_assert_str_eq(row.remote, "[::1]:40000");
        ck_assert(!row.listens && row.established);
        ck_assert_int_eq(net_row_parse("   2: 0000000000000000FFFF00000100007F:0929 "
                                       "0000000000000000FFFF00000100007F:9C40 08 00000000:00000000 "
                                       "00:00000000 00000000     0        0 8 1 0 20 4 30 10 -1\n",
                                       &row),
                         0);
        ck_assert_str_eq(row.local, "127.0.0.1:2345");
        ck_assert(!row.listens && !row.established);
}
END_TEST

START_TEST(what_is_no_row)
{
        static const char *const lines[] = {
                "",
                "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid\n",
                "   0: 0100007F:232B 00000000:0000 0A\n",
                "   0: 0100007:232B 0000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 1 1\n",
                "   0: 0100007F0100007F:1 0100007F0100007F:1 0A 0:0 0:0 0 0 0 1 1\n",
                "   0: ZZZZZZZZ:232B 00000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 1 1\n",
        };
        struct net_row row;

        for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
                ck_assert_int_eq(net_row_parse(lines[i], &row), -EINVAL);
}
END_TEST

static int compare_inode(void *userdata, const struct net_row *row)
{
        return row->inode == *(const uint64_t *)userdata && row->listens;
}

START_TEST(a_socket_of_our_own_is_found)
{
        struct sockaddr_in any = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        uint64_t inode;
        struct stat st;

        ck_assert_int_eq(bind(fd, (const struct sockaddr *)&any, sizeof(any)), 0);
        ck_assert_int_eq(listen(fd, 1), 0);
        ck_assert_int_eq(fstat(fd, &st), 0);
        inode = st.st_ino;
        ck_assert_int_eq(net_table_each((uint32_t)getpid(), compare_inode, &inode), 1);
        close(fd);
        ck_assert_int_eq(net_table_each((uint32_t)getpid(), compare_inode, &inode), 0);
        ck_assert_int_lt(net_table_each(0, compare_inode, &inode), 0);
}
END_TEST

int main(void)
{
        Suite *suite = suite_create("net table");
        TCase *t = tcase_create("net table");
        SRunner *runner;
        int failed;

        tcase_add_test(t, a_row_of_each_kind);
        tcase_add_test(t, what_is_no_row);
        tcase_add_test(t, a_socket_of_our_own_is_found);
        suite_add_tcase(suite, t);
        runner = srunner_create(suite);
        srunner_run_all(runner, CK_ENV);
        failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
