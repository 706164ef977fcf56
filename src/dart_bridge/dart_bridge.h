/* libdart_bridge: the C interface between a Flutter app and the CPython that it embeds, as
 * flet-dev/dart-bridge 1.9.0 defines it. A drop-in replacement for the file in the app's bundle.
 *
 * Threads: every function may be called on any thread and at any time, before Python's start, while
 * it starts or ends, and after, unless it says otherwise. Those marked
 * "bounded" take no lock that Python holds, never wait for the GIL and never run Python code, so a
 * UI thread may call them at any time.
 *
 * What differs from the original, on purpose:
 *  - DartBridge_EnqueueMessage() and dart_bridge_signal_dart_session() return before the handlers
 *    have run. Handlers run one at a time, in the order of acceptance over all ports, on the
 *    asyncio loop on which they were set, or on a thread of the library if they were set outside
 *    of one.
 *  - The queue is bounded (DART_BRIDGE_QUEUE_BYTES). A message that does not fit, or that nobody
 *    listens to, is refused with -1 and stays the caller's.
 *  - Large payloads of send_bytes() reach Dart without a copy, as unmodifiable typed data.
 *
 * Environment, read at each start of Python:
 *   FLETBRIDGE_BRIDGE_QUEUE_BYTES  the limit of the queue to Python, in bytes; once per process
 *
 *   FLETBRIDGE_LIBPYTHON           the libpython to open. Default: the one in the process, else the
 *                                  one beside this library, else the system's
 */
#ifndef FLETBRIDGE_DART_BRIDGE_H_
#define FLETBRIDGE_DART_BRIDGE_H_

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#define DART_BRIDGE_NOEXCEPT noexcept
#else
#define DART_BRIDGE_NOEXCEPT
#endif

struct _object; /* Python's PyObject */

/* ---- Dart's side. */

/* Takes `NativeApi.initializeApiDLData` of dart:ffi. 0; -1, with nothing changed, if `data` is not
 * a table of major version 2 (null, misaligned, another version, without an end). Bounded. May be
 * called again: the newest table counts. The table is not kept. */
intptr_t DartBridge_InitDartApiDL(void* data) DART_BRIDGE_NOEXCEPT;

/* Gives `len` bytes to the Python handler of `port`. Bounded, but for the copy of the bytes; `data`
 * is the caller's again on return.
 *   0  accepted: the handler will be called, unless it is taken away or the program ends before
 *  -1  not accepted: nobody listens on `port` now, too much waits, no memory, or null `data` with
 *      `len` > 0. Trying again later is right.
 *  -2  Python is not up, or its program is ending. */
int DartBridge_EnqueueMessage(int64_t port, const char* data, size_t len) DART_BRIDGE_NOEXCEPT;

/* A new Dart session has the ports `ports[0..n)` with names `labels[0..n)`: calls the handlers that
 * Python gave to add_session_restart_handler(), the newest first, with one dict; after all messages
 * that were accepted before, before those that come after. A null label is left out; of two equal
 * ones the later counts. Nothing happens when Python is not up. Bounded. */
void dart_bridge_signal_dart_session(int n, const char* const* labels,
                                     const int64_t* ports) DART_BRIDGE_NOEXCEPT;

/* 1 from the interpreter's start to the beginning of its end, else 0. Bounded. */
int dart_bridge_is_python_initialized(void) DART_BRIDGE_NOEXCEPT;

/* No handler that was set before is called any more; enqueueing to their ports answers -1. The
 * objects are let go by a thread of Python. Bounded. */
void dart_bridge_clear_handlers(void) DART_BRIDGE_NOEXCEPT;

/* Makes sys.stdout and sys.stderr write to C's streams, as serious_python_run() does. 0; -1 when
 * Python is not up, starts or ends, or it failed. Waits for the GIL, and the end waits for it. */
int dart_bridge_install_stdio_redirect(void) DART_BRIDGE_NOEXCEPT;

/* ---- The interpreter's life. */

typedef struct {
  int32_t mode;              /* 1: run `script_source`; else the file `app_path` */
  const char* app_path;      /* UTF-8, as all strings here */
  const char* script_source; /* shown as <sp_script> in tracebacks */
  const char* program_name;  /* sys.argv[0]; null: "python" */
  const char**
      module_paths;        /* first in sys.path, their .pth files heeded; ended by null, or null */
  const char** env_keys;   /* with env_values set in the process before the start; each ended by */
  const char** env_values; /* null, the shorter decides; one null: none */
  int32_t sync;            /* else on a thread of its own */
  int64_t completion_port; /* not sync: is sent the result, one integer; 0: none */
} sp_run_config_t;

/* Runs a program in a fresh interpreter, to its end: joins its non-daemon threads and finalises.
 * Result: 0 ended normally; 1 an exception, or the program could not be read, or an environment
 * entry is invalid. sys.exit() in it ends the whole process, with that code.
 * With `sync` returns the result; else 0 when the thread has started, -1 when not. -1 for null.
 * While Python is up nothing is run: the environment is set, restart handlers are told of the ports
 * in FLET_DART_BRIDGE_PORT ("protocol") and FLET_DART_BRIDGE_EXIT_PORT ("exit"), the result is 0.
 * While one ends, a run waits for that; with `sync` on a thread of its own program: -1.
 * `config` and all it points to are the caller's again on return. */
int serious_python_run(const sp_run_config_t* config) DART_BRIDGE_NOEXCEPT;

/* A C extension to build into every interpreter that starts after this. `name` is copied. 0; -1 for
 * null or without memory. */
int serious_python_register_extension(const char* name,
                                      struct _object* (*init)(void)) DART_BRIDGE_NOEXCEPT;

/* Raises KeyboardInterrupt in the program's main thread, also when it waits in an idle event loop,
 * or joins its threads at its end. During a start: as soon as the program begins. 0; -1 when Python
 * is not up, or is past what could be interrupted. Bounded. */
int serious_python_request_stop(void) DART_BRIDGE_NOEXCEPT;

/* While a program starts or runs: refuses messages from now on and requests its stop; its own
 * thread finalises the interpreter. When an interpreter is up that serious_python_run() has not
 * started: finalises it (waits for the GIL). Else nothing. */
void serious_python_finalize(void) DART_BRIDGE_NOEXCEPT;

/* Whether this command line is that of a child of Python's multiprocessing: call it first in
 * main(). No Python needed. */
int serious_python_is_mp_invocation(int argc, char** argv) DART_BRIDGE_NOEXCEPT;

/* Then: runs it as `python ARGS...` would, with `dart_bridge` importable. The main thread of a
 * process that does nothing else. Returns Python's exit code; 64 if neither PYTHONHOME nor
 * PYTHONPATH is set. */
int serious_python_main(int argc, char** argv) DART_BRIDGE_NOEXCEPT;

/* Ends the process at once: no exit handlers, no destructors. */
void serious_python_hard_exit(int code) DART_BRIDGE_NOEXCEPT;

/* ---- Figures. */

/* The default of FLETBRIDGE_BRIDGE_QUEUE_BYTES. A message is taken whole while less than this
 * waits. */
#define DART_BRIDGE_QUEUE_BYTES ((size_t)64 << 20)

/* Of the process, since its start; the first two of now. */
typedef struct {
  uint64_t struct_bytes;      /* set by the caller: sizeof(dart_bridge_statistics_t) */
  uint64_t queued_bytes;      /* payloads that wait for Python, and 64 for each message */
  uint64_t queued_bytes_peak; /* the most there ever was */
  uint64_t accepted;          /* messages: = delivered + dropped + those that wait */
  uint64_t refused;           /* answered -1 because too much waited */
  uint64_t delivered;         /* their handler was called */
  uint64_t dropped;           /* accepted, but then there was no handler or the program ended */
  uint64_t sent;              /* messages that send_bytes() has posted to Dart */
  uint64_t sent_bytes;        /* their payloads */
  uint64_t lent_bytes;        /* now: payloads in Python's memory that Dart has not returned */
} dart_bridge_statistics_t;

/* Figures without another symbol:
 *   dart_bridge_statistics_t s = {sizeof s};
 *   DartBridge_EnqueueMessage(DART_BRIDGE_STATISTICS_PORT, (char*)&s, sizeof s);
 * writes into `s` and answers 0; -1 if the sizes are not those of this header's. Bounded. In
 * Python: _fletbridge_ffi.statistics(). ("fletbrdg" in ASCII; no native port of a Dart VM in
 * practice.) */
#define DART_BRIDGE_STATISTICS_PORT INT64_C(0x666c657462726467)

#ifdef __cplusplus
}
#endif
#endif /* FLETBRIDGE_DART_BRIDGE_H_ */
