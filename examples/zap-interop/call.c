/* Call a method over ZAP from C, with nothing but libc.
 *
 *     cc -o call call.c && ./call HOST PORT METHOD PARAMS
 *
 * A frame is 4 bytes of length, big-endian, and a Cap'n Proto message: an Envelope of schema/zap-call.capnp.
 * `capnp compile -ocapnp schema/zap-call.capnp` prints where its fields are: 2 words of data, 2 pointers.
 */
#include <netdb.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { CALL = 0, RESULT = 1, ERROR = 2, MAX_FRAME = 16 * 1024 * 1024 };

static void fail(const char *why) {
  fprintf(stderr, "%s\n", why);
  exit(1);
}

static void put32(uint8_t *at, uint32_t n) {
  for (int i = 0; i < 4; i++) at[i] = n >> (8 * i);
}

static uint32_t get32(const uint8_t *at) {
  return at[0] | at[1] << 8 | at[2] << 16 | (uint32_t)at[3] << 24;
}

/* Write bytes at word `to` of the message, and the list pointer to them at word `pointer`. */
static uint32_t put_bytes(uint8_t *words, uint32_t pointer, uint32_t to, const void *bytes, uint32_t length) {
  put32(words + pointer * 8, (to - pointer - 1) << 2 | 1);
  put32(words + pointer * 8 + 4, length << 3 | 2);
  memcpy(words + to * 8, bytes, length);
  return to + (length + 7) / 8;
}

/* Find the list of bytes that word `pointer` leads to. */
static const uint8_t *get_bytes(const uint8_t *words, uint32_t count, uint32_t pointer, uint32_t *length) {
  *length = 0;
  if (pointer >= count) fail("the pointer is outside");
  uint32_t low = get32(words + pointer * 8), high = get32(words + pointer * 8 + 4);
  if (low == 0 && high == 0) return words;
  if ((low & 3) != 1 || (high & 7) != 2) fail("not a list of bytes");
  int64_t at = (int64_t)pointer + 1 + ((int32_t)low >> 2);
  *length = high >> 3;
  if (at < 0 || at + (*length + 7) / 8 > count) fail("the bytes are outside");
  return words + at * 8;
}

static void read_all(int socket, uint8_t *to, size_t length) {
  for (ssize_t n; length > 0; to += n, length -= n)
    if ((n = read(socket, to, length)) <= 0) fail("the other side ended the connection");
}

int main(int argc, char **argv) {
  if (argc != 5) fail("usage: call HOST PORT METHOD PARAMS");
  struct addrinfo hint = {.ai_socktype = SOCK_STREAM}, *found;
  if (getaddrinfo(argv[1], argv[2], &hint, &found) != 0) fail("no such host");
  int s = socket(found->ai_family, SOCK_STREAM, 0);
  if (connect(s, found->ai_addr, found->ai_addrlen) != 0) fail("cannot connect");

  /* Frame header, table of one segment, and the segment, whose first word points to the struct behind it. */
  const char *method = argv[3], *params = argv[4];
  uint8_t *frame = calloc(1, 128 + strlen(method) + strlen(params)), *words = frame + 12;
  put32(words + 4, 2 | 2 << 16);
  put32(words + 8, 1);                         /* id */
  words[20] = CALL;                            /* which of the union */
  uint32_t end = put_bytes(words, 3, 5, method, strlen(method) + 1);
  end = put_bytes(words, 4, end, params, strlen(params));
  uint32_t length = 8 + end * 8;
  for (int i = 0; i < 4; i++) frame[i] = length >> (24 - 8 * i);
  put32(frame + 8, end);
  if (write(s, frame, 4 + length) != 4 + (ssize_t)length) fail("cannot send");

  uint8_t header[4];
  read_all(s, header, 4);
  length = (uint32_t)header[0] << 24 | header[1] << 16 | header[2] << 8 | header[3];
  if (length < 48 || length > MAX_FRAME) fail("not a frame of an answer");
  uint8_t *message = malloc(length);
  read_all(s, message, length);
  uint32_t count = get32(message + 4), size;
  words = message + 8;
  if (get32(message) != 0 || 8 + (uint64_t)count * 8 != length) fail("not one segment");
  if (get32(words) != 0 || get32(words + 4) != (2 | 2 << 16)) fail("not an envelope");
  if (words[20] == RESULT) {
    const uint8_t *value = get_bytes(words, count, 3, &size);
    return fwrite(value, 1, size, stdout) == size ? 0 : 1;
  }
  if (words[20] != ERROR) fail("neither result nor error");
  const uint8_t *code = get_bytes(words, count, 3, &size);
  fprintf(stderr, "%.*s: ", (int)size, code);
  const uint8_t *text = get_bytes(words, count, 4, &size);
  fprintf(stderr, "%.*s\n", (int)size, text);
  return 2;
}
