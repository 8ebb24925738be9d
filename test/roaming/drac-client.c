/* A DRAC client as a POP3 server has it, over what rpcgen makes of dracd.x: drac-client udp|tcp ADDRESS prints the status. */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include "dracd.h"

int main(int argc, char **argv) {
  struct in_addr v4;
  drac_address6 v6;
  drac_status *status;
  int is4 = argc == 3 && inet_pton(AF_INET, argv[2], &v4) == 1;
  CLIENT *client;
  if (argc != 3 || (!is4 && inet_pton(AF_INET6, argv[2], v6.ip) != 1)) return 64;
  client = clnt_create("127.0.0.1", DRAC_PROGRAM, is4 ? DRAC_V1 : DRAC_V2, argv[1]);
  if (client == NULL) {
    clnt_pcreateerror("drac-client");
    return 1;
  }
  if (is4) {
    drac_address address;
    address.ip = ntohl(v4.s_addr);
    status = drac_add_1(&address, client);
  } else {
    status = drac_add6_2(&v6, client);
  }
  if (status == NULL) {
    clnt_perror(client, "drac-client");
    return 2;
  }
  printf("%d\n", (int)*status);
  clnt_destroy(client);
  return 0;
}
