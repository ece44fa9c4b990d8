/* The smallest firmware that uses the model: what the report's flash and static RAM figures are taken from. */
#include "subject.h"

#ifdef SUBJECT_SET_ARENA
static unsigned char arena[SUBJECT_ARENA_BYTES] __attribute__((aligned(16)));
#endif

int main(void)
{
#ifdef SUBJECT_SET_ARENA
    SUBJECT_SET_ARENA(arena);
#endif
    return SUBJECT_RUN(0, 0);
}
