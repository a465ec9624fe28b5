/*
** What is changed in Lua's own sources for the component, and why: this file comes before each of them, by
** the flags of scripts/lib/guest.sh. Nothing here changes what a script sees, and Lua works without it.
**
** An engine finds the catcher of an exception by walking the stack, and each frame on the way costs as much as
** everything else that an error does to it (docs/performance.md). So most of what is here takes frames out of
** the road from `error` to `pcall`: C's `inline` reaches no further than one file, and a linker that
** optimizes C across files made the component a tenth bigger.
*/

/* Lua's headers give their inner macros only to its core. */
#define LUA_CORE

#include "lprefix.h"

#include <setjmp.h>
#include <stddef.h>
#include <string.h>

#include "lua.h"

#include "lapi.h"
#include "ldebug.h"
#include "ldo.h"
#include "lobject.h"
#include "lopcodes.h"
#include "lstate.h"
#include "lstring.h"
#include "ltm.h"

#define cu_always __attribute__((always_inline))

/* A table may stand behind a table two thousand times, all for one instruction: each is counted as one. */
extern int cu_countdown;
#undef fasttm
#define fasttm(L, mt, event) ((mt) == NULL ? NULL : (cu_countdown--, gfasttm(G(L), mt, event)))

/* Within their files, these are no frames. */
static inline int precallC(lua_State *L, StkId function, int results, lua_CFunction f) cu_always;
static inline void ccall(lua_State *L, StkId function, int results, l_uint32 calls) cu_always;
CallInfo *luaD_precall(lua_State *L, StkId function, int results) cu_always;
void luaD_callnoyield(lua_State *L, StkId function, int results) cu_always;
l_noret luaG_errormsg(lua_State *L) cu_always;

/* The fields of ldo.c's `lua_longjmp`, which `LUAI_TRY` compares, and what LLVM's `setjmp` catches. */
struct cu_catcher {
  struct cu_catcher *previous;
  jmp_buf buffer;
  volatile int status;
};
struct cu_thrown {
  void *buffer;
  int value;
};

static cu_always inline l_noret cu_throw(lua_State *L, int code) {
  static struct cu_thrown thrown;
  struct cu_catcher *catcher = (struct cu_catcher *)L->errorJmp;
  if (catcher == NULL)
    luaD_throw(L, code);
  catcher->status = code;
  thrown.buffer = catcher->buffer;
  thrown.value = 1;
  __builtin_wasm_throw(1, &thrown);
}

/*
** A coroutine that yields leaves its frames in C by returning, where there are only three and they know of it: `coroutine.yield` was
** called by a Lua function in the loop of instructions that `lua_resume` itself has begun (here, no call in C counts). All the
** state of a coroutine is in its Lua stack, so that returning leaves the same behind as an exception does. On the way, `luaD_poscall`
** does not finish the call, and the loop of instructions ends where it looks for a hook. Any other yield takes the exception.
*/
static struct {
  lua_State *state;
  l_uint32 calls;
} cu_resumed;

static cu_always inline void cu_yield(lua_State *L, int code) {
  CallInfo *call = L->ci, *caller = call->previous;
  if (L == cu_resumed.state && L->nCcalls == cu_resumed.calls && !isLua(call) && isLua(caller) &&
      GET_OPCODE(caller->u.l.savedpc[-1]) == OP_CALL)
    return;
  cu_throw(L, code);
}

/*
** Some names become another function in calls whose last argument is written so; the definition, and whatever else is
** called with it, stays.
*/
#define cu_second_of(first, second, ...) second
#define cu_second(...) cu_second_of(__VA_ARGS__)
#define cu_road_LUA_ERRRUN 0, cu_throw
#define cu_road_LUA_YIELD 0, cu_yield
#define luaD_throw(L, code) cu_second(cu_road_##code, luaD_throw, 0)(L, code)

#define cu_finish_n 0, cu_finish
#define luaD_poscall(L, call, results) cu_second(cu_finish_##results, luaD_poscall, 0)(L, call, results)
#define cu_finish(L, call, results)                                     \
  do {                                                                  \
    if (!__builtin_strcmp(__FILE_NAME__, "ldo.c") && (L)->status == LUA_YIELD) { \
      if (isLua((call)->previous))                                      \
        (call)->previous->u.l.trap = 1;                                 \
    } else                                                              \
      (luaD_poscall)(L, call, results);                                 \
  } while (0)

#define cu_look_pc 0, cu_look
#define luaG_traceexec(L, pc) cu_second(cu_look_##pc, luaG_traceexec, 0)(L, pc)
#define cu_look(L, pc)             \
  ({                               \
    if ((L)->status == LUA_YIELD) { \
      ci->u.l.trap = 0;            \
      return;                      \
    }                              \
    (luaG_traceexec)(L, pc);       \
  })

/* What `resume` calls at its end, `LUAI_TRY` does. */
static void resume(lua_State *L, void *arguments);
static void unroll(lua_State *L, void *unused);
static void finishCcall(lua_State *L, CallInfo *call);
#define cu_unroll_NULL 0, cu_unrolled
#define cu_unrolled(L, unused) ((void)0)
#define unroll(L, unused) cu_second(cu_unroll_##unused, unroll, 0)(L, unused)
#define cu_resumes(f) ((f) == resume || (f) == (unroll))

/* For other files than lapi.c, whose own definition replaces this one there. */
extern inline __attribute__((gnu_inline, always_inline)) int lua_error(lua_State *L) {
  const TValue *error = s2v(L->top.p - 1);
  if (ttisshrstring(error) && eqshrstr(tsvalue(error), G(L)->memerrmsg))
    cu_throw(L, LUA_ERRMEM);
  if (L->errfunc != 0)
    luaG_errormsg(L);
  cu_throw(L, LUA_ERRRUN);
}

/* lapi.c's `f_call` is a frame that only makes a call: `luaD_rawrunprotected` can make it itself. */
struct cu_call {
  StkId function;
  int results;
};
#define cu_is_call ((Pfunc)1)
#define cu_f_call                                                                                   \
  ((void)sizeof(char[offsetof(struct CallS, nresults) == offsetof(struct cu_call, results) ? 1 : -1]), \
   cu_is_call)
#define cu_f_parser f_parser
#define cu_dothecall dothecall
#define cu_Pfunc Pfunc /* in the definition of `luaD_pcall` */
#define luaD_pcall(L, run, data, top, handler) luaD_pcall(L, cu_##run, data, top, handler)

#define LUAI_THROW(L, c) longjmp((c)->b, 1)
#define LUAI_TRY(L, c, a)                                                                     \
  _Static_assert(offsetof(struct lua_longjmp, b) == offsetof(struct cu_catcher, buffer) &&    \
                     offsetof(struct lua_longjmp, status) == offsetof(struct cu_catcher, status), \
                 "cu_catcher is another struct than lua_longjmp");                            \
  __typeof__(cu_resumed) resumed = cu_resumed;                                                \
  if (setjmp((c)->b) == 0) {                                                                  \
    if (f == cu_is_call)                                                                      \
      luaD_callnoyield(L, ((struct cu_call *)ud)->function, ((struct cu_call *)ud)->results); \
    else if (cu_resumes(f)) {                                                                 \
      CallInfo *call;                                                                         \
      cu_resumed.state = L;                                                                   \
      cu_resumed.calls = L->nCcalls;                                                          \
      if (f == resume)                                                                        \
        resume(L, ud);                                                                        \
      while (L->status != LUA_YIELD && (call = L->ci) != &L->base_ci) {                       \
        if (isLua(call)) {                                                                    \
          luaV_finishOp(L);                                                                   \
          luaV_execute(L, call);                                                              \
        } else                                                                                \
          finishCcall(L, call);                                                               \
      }                                                                                       \
      (c)->status = L->status;                                                                \
    } else {                                                                                  \
      a                                                                                       \
    }                                                                                         \
  }                                                                                           \
  if (cu_resumes(f))                                                                          \
    cu_resumed = resumed;
#define luai_jmpbuf jmp_buf

/* Each file has this, and the linker takes one: values on the stack, of which each call that is under way has at least one. */
__attribute__((weak)) unsigned cu_stack_used(lua_State *L) {
  return (unsigned)(L->top.p - L->stack.p);
}

/* The same of records of calls, used or not; of very many, the last 16 bits. */
__attribute__((weak)) unsigned cu_calls_kept(lua_State *L) { return L->nci; }

/* wasi-libc's `snprintf` takes ten times as long. */
int cu_integer_text(char *text, long long number);
#undef lua_integer2str
#define lua_integer2str(s, sz, n) cu_integer_text((s), (n))

/* So does its `strspn`, which `string.format` calls for each conversion: with a table of all bytes. */
static inline size_t cu_span(const char *text, const char *set) {
  size_t length = 0;
  for (; text[length] != '\0'; length++) {
    const char *one = set;
    while (*one != '\0' && *one != text[length])
      one++;
    if (*one == '\0')
      break;
  }
  return length;
}
#define strspn(text, set) cu_span((text), (set))
