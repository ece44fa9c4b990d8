/* 96 bytes of weights, assembled from model_weights.bin (found through the include path). */
__asm__(
    ".section .rodata.model_weights,\"a\"\n"
    ".balign 16\n"
    ".type model_weights, %object\n"
    "model_weights:\n"
    ".incbin \"model_weights.bin\"\n"
    ".size model_weights, . - model_weights\n"
    ".previous\n");
extern const uint8_t model_weights[] __attribute__((visibility("hidden")));
#define WEIGHTS(type, offset) ((const type *)(const void *)(model_weights + (offset)))

/* Dense(tail=Relu): 1x6 -> 1x3, 18 MACs
 * layer: n0 */
