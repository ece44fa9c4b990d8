/* What the sketch uses of Arduino's core. */
#pragma once
#include <stddef.h>
#include <stdint.h>

class Print {
public:
    void begin(unsigned long) {}
    void print(const char *text);
    void print(int number);
    void println(const char *text);
    void println(unsigned long number);
};
extern Print Serial;

unsigned long micros();
void delay(unsigned long milliseconds);
void setup();
void loop();
