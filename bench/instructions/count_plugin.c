/* SPDX-License-Identifier: Apache-2.0 */
/* A plugin of QEMU's code generator that counts the instructions that a program executes, in all its threads:
 *   cc -O1 -shared -fPIC -o count_plugin.so count_plugin.c
 *   qemu-aarch64 -plugin ./count_plugin.so program
 * prints "instructions N dot N vector N load N store N other N" to stderr at the end. All but the first, the sum, tell
 * kinds of 64-bit ARM's instructions apart; for other processors everything is "other".
 * Distributions ship QEMU without qemu-plugin.h, so the few functions of its stable interface (version 1, QEMU 4.2 to
 * 8.2) that are needed are declared here. */
#include <inttypes.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXPORT __attribute__((visibility("default")))

typedef uint64_t qemu_plugin_id_t;
struct qemu_plugin_tb;   /* a block of instructions, translated as one */
struct qemu_plugin_insn; /* an instruction of it */
struct info {            /* qemu_info_t; what follows is not needed */
  const char* target_name;
};
enum { NO_REGISTERS = 0 }; /* QEMU_PLUGIN_CB_NO_REGS */

void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t id,
                                           void (*translated)(qemu_plugin_id_t, struct qemu_plugin_tb*));
void qemu_plugin_register_vcpu_tb_exec_cb(struct qemu_plugin_tb* tb, void (*executed)(unsigned int thread, void* data),
                                          int registers, void* data);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb* tb);
struct qemu_plugin_insn* qemu_plugin_tb_get_insn(const struct qemu_plugin_tb* tb, size_t index);
const void* qemu_plugin_insn_data(const struct qemu_plugin_insn* insn);
void qemu_plugin_register_atexit_cb(qemu_plugin_id_t id, void (*at_exit)(qemu_plugin_id_t, void*), void* data);

EXPORT int qemu_plugin_version = 1;

enum { DOT, VECTOR, LOAD, STORE, OTHER, NUM_KINDS };
static const char* const kNames[NUM_KINDS] = {"dot", "vector", "load", "store", "other"};

/* How many of each kind a block has. */
struct block {
  uint64_t num[NUM_KINDS];
};

/* Every thread has counters of its own, a cache line each: additions are not atomic. */
enum { MOST_THREADS = 1024 };
static struct {
  _Alignas(64) uint64_t num[NUM_KINDS];
} counters[MOST_THREADS];

static int is_aarch64;

/* Of the encoding's group of loads and stores. */
static int is_store(uint32_t code) {
  if ((code & 0x3B000000) == 0x18000000) return 0; /* load literal */
  if ((code & 0x3A000000) == 0x38000000) {         /* one register; the store of 128 bits has an encoding of its own */
    const uint32_t operation = code >> 22 & 3;
    return operation == 0 || (operation == 2 && (code >> 30) == 0 && (code >> 26 & 1) == 1);
  }
  return (code >> 22 & 1) == 0; /* pairs, structures, exclusives */
}

/* Products of 8-bit integers that add up in 32 bits: sdot, udot, usdot, sudot, smmla, ummla, usmmla. */
static int is_dot(uint32_t code) {
  return (code & 0x9FE0FC00) == 0x0E809400 || (code & 0xBFE0FC00) == 0x0E809C00 || /* vectors */
         (code & 0x9FC0F400) == 0x0F80E000 || (code & 0xBFC0F400) == 0x0F80F000 || /* with a quarter of a register */
         (code & 0xBFC0F400) == 0x0F00F000 ||                                      /* sudot with a quarter */
         (code & 0xDFE0FC00) == 0x4E80A400 || (code & 0xFFE0FC00) == 0x4E80AC00;   /* matrices */
}

static int kind_of(uint32_t code) {
  if (!is_aarch64) return OTHER;
  if (is_dot(code)) return DOT;
  if ((code >> 25 & 7) == 7) return VECTOR; /* SIMD and floating point */
  if ((code >> 25 & 5) == 4) return is_store(code) ? STORE : LOAD;
  return OTHER;
}

static void on_executed(unsigned int thread, void* data) {
  const struct block* block = data;
  if (thread >= MOST_THREADS) {
    fprintf(stderr, "count_plugin: more than %d threads\n", MOST_THREADS);
    abort();
  }
  for (int kind = 0; kind < NUM_KINDS; ++kind) counters[thread].num[kind] += block->num[kind];
}

static void on_translated(qemu_plugin_id_t id, struct qemu_plugin_tb* tb) {
  (void)id;
  struct block* block = calloc(1, sizeof *block); /* lives as long as the translation, which nobody tells the end of */
  if (block == NULL) abort();
  for (size_t i = 0; i < qemu_plugin_tb_n_insns(tb); ++i) {
    uint32_t code = 0;
    if (is_aarch64) memcpy(&code, qemu_plugin_insn_data(qemu_plugin_tb_get_insn(tb, i)), sizeof code);
    ++block->num[kind_of(code)];
  }
  qemu_plugin_register_vcpu_tb_exec_cb(tb, on_executed, NO_REGISTERS, block);
}

static void on_exit_of_program(qemu_plugin_id_t id, void* data) {
  (void)id;
  (void)data;
  uint64_t sums[NUM_KINDS] = {0};
  uint64_t all = 0;
  for (int thread = 0; thread < MOST_THREADS; ++thread) {
    for (int kind = 0; kind < NUM_KINDS; ++kind) sums[kind] += counters[thread].num[kind];
  }
  for (int kind = 0; kind < NUM_KINDS; ++kind) all += sums[kind];
  fprintf(stderr, "instructions %" PRIu64, all);
  for (int kind = 0; kind < NUM_KINDS; ++kind) fprintf(stderr, " %s %" PRIu64, kNames[kind], sums[kind]);
  fprintf(stderr, "\n");
}

EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const struct info* info, int argc, char** argv) {
  (void)argc;
  (void)argv;
  is_aarch64 = strcmp(info->target_name, "aarch64") == 0;
  qemu_plugin_register_vcpu_tb_trans_cb(id, on_translated);
  qemu_plugin_register_atexit_cb(id, on_exit_of_program, NULL);
  return 0;
}
