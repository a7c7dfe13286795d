// SPDX-License-Identifier: Apache-2.0
// What the page's worker gives the module: docs/browser.md, "The seam", has what each does.
#pragma once

#include <cstdint>

#define THIMBLE_IMPORT(name) extern "C" __attribute__((import_module("thimble"), import_name(#name)))

THIMBLE_IMPORT(storage_list) std::uint32_t storage_list(char* to, std::uint32_t room);
THIMBLE_IMPORT(storage_open) std::int32_t storage_open(const char* name, std::uint32_t length, std::int32_t create);
THIMBLE_IMPORT(storage_read)
std::int32_t storage_read(std::int32_t handle, double offset, void* to, std::uint32_t size);
THIMBLE_IMPORT(storage_write)
std::int32_t storage_write(std::int32_t handle, double offset, const void* from, std::uint32_t size);
THIMBLE_IMPORT(storage_size) double storage_size(std::int32_t handle);
THIMBLE_IMPORT(storage_truncate) std::int32_t storage_truncate(std::int32_t handle, double size);
THIMBLE_IMPORT(storage_flush) std::int32_t storage_flush(std::int32_t handle);
THIMBLE_IMPORT(storage_close) void storage_close(std::int32_t handle);
THIMBLE_IMPORT(storage_delete) std::int32_t storage_delete(const char* name, std::uint32_t length);
THIMBLE_IMPORT(storage_rename)
std::int32_t storage_rename(const char* from, std::uint32_t from_length, const char* to, std::uint32_t to_length);
THIMBLE_IMPORT(storage_free) double storage_free();
THIMBLE_IMPORT(answer_begin)
void answer_begin(double id, std::int32_t status, const char* headers, std::uint32_t length);
THIMBLE_IMPORT(answer_part) void answer_part(double id, const char* bytes, std::uint32_t length);
THIMBLE_IMPORT(answer_end) void answer_end(double id);
THIMBLE_IMPORT(log) void log_line(std::int32_t level, const char* text, std::uint32_t length);

#undef THIMBLE_IMPORT
