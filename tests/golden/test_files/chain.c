KERNEL void add_hardswish_mul_clip_2x3(const float *x, const float *x1, float *y)
{
    for (int32_t i = 0; i < 6; i++) {
        const float x2 = x[i];
        const float x3 = x1[i];
        const float t = x2 + x3;
        const float t1 = t * 0.16666667f + 0.5f;
        const float t2 = t * (t1 < 0.0f ? 0.0f : t1 > 1.0f ? 1.0f : t1);
        const float t3 = t2 * x2;
        const float t4 = t3 < -1.0f ? -1.0f : t3;
        const float t5 = t4 > 6.0f ? 6.0f : t4;
        y[i] = t5;
    }
}

/* n0: Add+HardSwish+Mul+Clip -> float[2][3] */
