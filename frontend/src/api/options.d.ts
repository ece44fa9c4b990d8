// Generated from options.openapi.json by `npm run api`; do not edit.

export type paths = Record<string, never>;
export type webhooks = Record<string, never>;
export interface components {
    schemas: {
        /**
         * CompileOptions
         * @description Options of one compilation: one target, one emitter, one precision.
         *
         *     The names are those of the command line in snake_case. `shape` maps an input name to its dimensions; the
         *     empty name stands for a model's only input.
         */
        CompileOptions: {
            /**
             * Arena
             * @description Who provides the working memory.
             * @default static
             * @enum {string}
             */
            arena: "static" | "caller";
            /**
             * Budget
             * @description Upper bounds: flash and ram in bytes, latency in milliseconds.
             */
            budget: {
                [key: string]: number;
            };
            /**
             * Compiler
             * @description The C compiler; auto: the target's best.
             * @default auto
             * @enum {string}
             */
            compiler: "auto" | "gcc" | "clang";
            /**
             * Emit
             * @description The language of the generated source.
             * @default c
             * @constant
             */
            emit: "c";
            /**
             * Io Layout
             * @description Element order of inputs and outputs: the source model's, or the internal one.
             * @default source
             * @enum {string}
             */
            io_layout: "source" | "native";
            /**
             * Name
             * @description Prefix of every generated symbol and file name.
             * @default model
             */
            name: string;
            /**
             * Optimize
             * @description What to favour when a choice trades one cost for another.
             * @default balanced
             * @enum {string}
             */
            optimize: "balanced" | "speed" | "size" | "ram";
            /**
             * Precision
             * @description The arithmetic of the generated code.
             * @default float32
             * @constant
             */
            precision: "float32";
            /**
             * Run
             * @description Run and validate the result on the emulator.
             * @default true
             */
            run: boolean;
            /**
             * Shape
             * @description Dimensions of inputs that the model leaves open.
             */
            shape: {
                [key: string]: number[];
            };
            /**
             * Softmax
             * @description Append a softmax to the model's output.
             * @default false
             */
            softmax: boolean;
            /**
             * Target
             * @description The processor to compile for; `deepmetal targets` lists them.
             * @default cortex-m4
             */
            target: string;
            /**
             * Vectors
             * @description How many random input vectors the validation draws.
             * @default 4
             */
            vectors: number;
            /**
             * Weights
             * @description Weights as C arrays, or as a binary file; auto: a file when they exceed 1 MiB.
             * @default auto
             * @enum {string}
             */
            weights: "auto" | "array" | "incbin";
        };
    };
    responses: never;
    parameters: never;
    requestBodies: never;
    headers: never;
    pathItems: never;
}
export type $defs = Record<string, never>;
export type operations = Record<string, never>;
