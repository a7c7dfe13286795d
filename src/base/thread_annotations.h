// SPDX-License-Identifier: Apache-2.0
// What locks guard, checked by clang (-Wthread-safety, the preset `clang`); nothing under other compilers.
#pragma once

#if defined(__clang__)
#define THIMBLE_THREAD_ANNOTATION(attribute) __attribute__((attribute))
#else
#define THIMBLE_THREAD_ANNOTATION(attribute)
#endif

// A class whose objects are locks, and one whose objects hold a lock as long as they live.
#define THIMBLE_CAPABILITY(name) THIMBLE_THREAD_ANNOTATION(capability(name))
#define THIMBLE_SCOPED_CAPABILITY THIMBLE_THREAD_ANNOTATION(scoped_lockable)
// A member that may be touched only with this mutex held.
#define THIMBLE_GUARDED_BY(mutex) THIMBLE_THREAD_ANNOTATION(guarded_by(mutex))
// The caller of this function holds the mutex, before and after; or must not hold it.
#define THIMBLE_REQUIRES(...) THIMBLE_THREAD_ANNOTATION(requires_capability(__VA_ARGS__))
#define THIMBLE_EXCLUDES(...) THIMBLE_THREAD_ANNOTATION(locks_excluded(__VA_ARGS__))
// This function takes the mutex, or gives it up. Without a name: the object itself.
#define THIMBLE_ACQUIRE(...) THIMBLE_THREAD_ANNOTATION(acquire_capability(__VA_ARGS__))
#define THIMBLE_RELEASE(...) THIMBLE_THREAD_ANNOTATION(release_capability(__VA_ARGS__))
// For what the checker cannot follow; a comment says why it is right.
#define THIMBLE_NO_THREAD_SAFETY_ANALYSIS THIMBLE_THREAD_ANNOTATION(no_thread_safety_analysis)
