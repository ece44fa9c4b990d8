/* Runs the sketch once on this computer. */
#include <Arduino.h>
#include <stdio.h>
#include <time.h>

Print Serial;

void Print::print(const char *text) { fputs(text, stdout); }
void Print::print(int number) { printf("%d", number); }
void Print::println(const char *text) { puts(text); }
void Print::println(unsigned long number) { printf("%lu\n", number); }

unsigned long micros() { return static_cast<unsigned long>(clock() * 1000000 / CLOCKS_PER_SEC); }
void delay(unsigned long) {}

int main()
{
    setup();
    loop();
}
