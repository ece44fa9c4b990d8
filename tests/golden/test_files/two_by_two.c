int model_run(const void *const inputs[], void *const outputs[])
{
    if (inputs != NULL && inputs[0] != NULL) {
        const float *const from = inputs[0];
        float *const to = ARENA.f32;
        for (int32_t i = 0; i < 4; i++) {
            to[i] = from[i];
        }
    }
    if (inputs != NULL && inputs[1] != NULL) {
        const float *const from = inputs[1];
        float *const to = ARENA.f32 + 4;
        for (int32_t i = 0; i < 4; i++) {
            to[i] = from[i];
        }
    }
    layer_0();
    layer_1();
    layer_2();
    if (outputs != NULL && outputs[0] != NULL) {
        const float *const from = ARENA.f32;
        float *const to = outputs[0];
        for (int32_t i = 0; i < 4; i++) {
            to[i] = from[i];
        }
    }
    if (outputs != NULL && outputs[1] != NULL) {
        const float *const from = ARENA.f32 + 4;
        float *const to = outputs[1];
        for (int32_t i = 0; i < 4; i++) {
            to[i] = from[i];
        }
    }
    return 0;
}

void *model_input(int i)
{
    switch (i) {
    case 0:
        return ARENA.f32;
    case 1:
        return ARENA.f32 + 4;
    default:
        return NULL;
    }
}

const void *model_output(int i)
{
    switch (i) {
    case 0:
        return ARENA.f32;
    case 1:
        return ARENA.f32 + 4;
    default:
        return NULL;
    }
}

int model_run_layer(int layer)
{
    switch (layer) {
    case 0:
        layer_0();
        return 0;
    case 1:
        layer_1();
        return 0;
    case 2:
        layer_2();
        return 0;
    default:
        return -1;
    }
}

void *model_arena(void)
{
    return ARENA.u8;
}
