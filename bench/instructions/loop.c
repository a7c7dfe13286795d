/* SPDX-License-Identifier: Apache-2.0 */
/* Executes a known number of instructions, to check what counts them (counting_test.py), called as model_tokens is:
 *   loop THREADS PROMPT DECODE
 * Each of THREADS threads goes PROMPT + 2 * DECODE times through a million instructions: 200,000 dot products, 200,000
 * others on vectors, 300,000 loads, 100,000 stores and 200,000 of the loop itself. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

enum { MOST_THREADS = 16 };

static void* turn(void* data) {
  _Alignas(64) char memory[64] = {0};
  const int millions = *(const int*)data;
  for (int i = 0; i < millions; ++i) {
    long turns = 100000;
    __asm__ volatile(
        "1:\n\t"
        "ldr q0, [%1]\n\t"
        "ldp q1, q2, [%1]\n\t"
        "ld1 {v4.16b}, [%1]\n\t"
        "sdot v3.4s, v0.16b, v1.16b\n\t"
        "udot v3.4s, v0.16b, v2.4b[3]\n\t"
        "fmul v5.4s, v4.4s, v4.4s\n\t"
        "eor v3.16b, v3.16b, v5.16b\n\t"
        "str q3, [%1, #16]\n\t"
        "subs %0, %0, #1\n\t"
        "b.ne 1b"
        : "+r"(turns)
        : "r"(memory)
        : "cc", "memory", "v0", "v1", "v2", "v3", "v4", "v5");
  }
  return NULL;
}

int main(int argc, char** argv) {
  if (argc != 4) {
    fputs("loop THREADS PROMPT DECODE\n", stderr);
    return 2;
  }
  const int num_threads = atoi(argv[1]);
  int millions = atoi(argv[2]) + 2 * atoi(argv[3]);
  pthread_t threads[MOST_THREADS];
  if (num_threads < 1 || num_threads > MOST_THREADS) return 2;
  for (int i = 0; i < num_threads; ++i) {
    if (pthread_create(&threads[i], NULL, turn, &millions) != 0) return 1;
  }
  for (int i = 0; i < num_threads; ++i) pthread_join(threads[i], NULL);
  return 0;
}
