// Generated from openapi.json by `npm run api`; do not edit.

export interface paths {
    "/api/v1/compilations": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List Compilations
         * @description The history, newest first.
         */
        get: operations["listCompilations"];
        put?: never;
        /**
         * Create Compilation
         * @description Store the model, record one compilation for each combination of options, wake a worker.
         */
        post: operations["createCompilation"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/compilations/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get Compilation
         * @description State, progress, summary, error.
         */
        get: operations["getCompilation"];
        put?: never;
        post?: never;
        /**
         * Delete Compilation
         * @description Cancel a compilation that waits or runs; delete one that has ended.
         */
        delete: operations["deleteCompilation"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/compilations/{id}/events": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Follow Compilation
         * @description Server-Sent Events: the data is a JobEvent, the id its row; resumable with Last-Event-ID; ends with the job.
         */
        get: operations["followCompilation"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/compilations/{id}/log": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List Compilation Events
         * @description The same events as JSON, for those who poll.
         */
        get: operations["listCompilationEvents"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/compilations/{id}/artifact": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Download Artifact
         * @description The zip with sources, library, tests and report.
         */
        get: operations["downloadArtifact"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/compilations/{id}/report": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get Report
         * @description report.json, or by Accept the same as HTML or Markdown.
         */
        get: operations["getReport"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/compilations/{id}/files/{path}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Download File
         * @description One file of the artifact.
         */
        get: operations["downloadFile"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/compilations/{id}/packs/{format}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Download Pack
         * @description The model as a package for a build system, made of the artifact's files.
         */
        get: operations["downloadPack"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/inspections": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Create Inspection
         * @description Store the model and have a worker look into it.
         */
        post: operations["createInspection"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/inspections/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get Inspection
         * @description The result, once the state is succeeded.
         */
        get: operations["getInspection"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/inspections/{id}/graph": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get Inspection Graph
         * @description The graph before and after optimisation, without weights, once the state is succeeded.
         */
        get: operations["getInspectionGraph"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/catalog": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get Catalog
         * @description Targets, operators, emitters, precisions, limits, samples.
         */
        get: operations["getCatalog"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/samples/{name}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Download Sample
         * @description A trained model to try.
         */
        get: operations["downloadSample"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/errors/{code}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get Explanation
         * @description The meaning of an error code.
         */
        get: operations["getExplanation"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/health/live": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get Liveness
         * @description The process answers.
         */
        get: operations["getLiveness"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/health/ready": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get Readiness
         * @description Everything an upload needs. A broker that is down only delays: the workers' sweep covers it.
         */
        get: operations["getReadiness"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/metrics": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get Metrics
         * @description For Prometheus.
         */
        get: operations["getMetrics"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
}
export type webhooks = Record<string, never>;
export interface components {
    schemas: {
        /**
         * Accuracy
         * @description Shares of samples whose largest output is the labelled one, 0 to 1; null where there is no such model.
         */
        Accuracy: {
            /** Samples */
            samples: number;
            /**
             * Float32
             * @description null when the source model is quantised already
             */
            float32: number | null;
            /** Quantized */
            quantized: number | null;
            /**
             * Agreement
             * @description share of samples where both give the same class
             */
            agreement: number | null;
            /**
             * Confusion
             * @description samples by right class (rows) and answer (columns) of what was compiled; up to 100 classes
             */
            confusion: number[][] | null;
            /** Confusion Float32 */
            confusion_float32: number[][] | null;
        };
        /**
         * Architecture
         * @description Layers in the order in which they run.
         */
        Architecture: {
            /** Layers */
            layers: components["schemas"]["ListedLayer"][];
            /**
             * Input
             * @description The input's shape, batch first; null where it is still to be given.
             */
            input: (number | null)[] | null;
            /**
             * Inputs
             * @description Instead of `input`: several inputs by name.
             */
            inputs: {
                [key: string]: (number | null)[];
            };
            /**
             * Outputs
             * @description Layers whose results the model gives; without: the last one.
             */
            outputs: string[];
            /**
             * Unused
             * @description Beginnings of tensor names that no layer is to use.
             */
            unused: string[];
        };
        /**
         * BoardFit
         * @description How the model fits a board; below zero is what is missing.
         */
        BoardFit: {
            /** Name */
            name: string;
            /**
             * Fits
             * @description null when the board's flash or RAM is not known, or the stack
             */
            fits: boolean | null;
            /** Flash Free */
            flash_free: number | null;
            /**
             * Ram Free
             * @description of all regions together; the arena lies in one of them
             */
            ram_free: number | null;
            /**
             * Arena In
             * @description the region of RAM that takes the arena
             */
            arena_in: string | null;
            /** Latency Ms */
            latency_ms: number | null;
            /**
             * Title
             * @default
             */
            title: string;
            /**
             * Vendor
             * @default
             */
            vendor: string;
            /** Clock Mhz */
            clock_mhz: number | null;
            /**
             * Verified
             * @description false: the board's figures have no checked source
             * @default true
             */
            verified: boolean;
        };
        /**
         * BoardInfo
         * @description A board or a chip; null is unknown.
         */
        BoardInfo: {
            /** Name */
            name: string;
            /** Title */
            title: string;
            /** Vendor */
            vendor: string;
            /** Chip */
            chip: string;
            /** Core */
            core: string;
            /**
             * Target
             * @description null: nothing is compiled for this core
             */
            target: string | null;
            /**
             * Fpu
             * @description none, single or double
             */
            fpu: string | null;
            /** Dsp */
            dsp: boolean | null;
            /** Clock Mhz */
            clock_mhz: number | null;
            /**
             * Flash
             * @description bytes
             */
            flash: number | null;
            /** External Flash */
            external_flash: boolean;
            /**
             * Ram
             * @description bytes that can hold data, of all regions together
             */
            ram: number | null;
            /**
             * Ram Largest
             * @description bytes of RAM without a gap: the largest arena
             */
            ram_largest: number | null;
            /** Ram Regions */
            ram_regions: components["schemas"]["RamInfo"][];
            /**
             * Wait States
             * @description of the flash, at this clock
             */
            wait_states: number | null;
            /**
             * Timed
             * @description the flash is known well enough to estimate latencies
             */
            timed: boolean;
            /**
             * Verified
             * @description core, clock, flash and RAM each have a source that was opened
             */
            verified: boolean;
            /** Note */
            note: string;
            /**
             * Sources
             * @description figure -> where it was read; empty: nobody checked it
             */
            sources: {
                [key: string]: string[];
            };
        };
        /** Body_createCompilation */
        Body_createCompilation: {
            /**
             * Model
             * @description The model file.
             */
            model?: string | null;
            /**
             * Model Sha256
             * @description Or the sha256 of a model that was uploaded before.
             */
            model_sha256?: string | null;
            /**
             * Sample
             * @description Or the name of a sample from the catalogue.
             */
            sample?: string | null;
            /**
             * Options
             * @description JSON: the command line's options in snake_case; target, emit, precision may be lists.
             * @default {}
             */
            options: string;
            /**
             * Vectors
             * @description Input vectors (.npz) for the validation.
             */
            vectors?: string | null;
            /**
             * Project
             * @default
             */
            project: string;
            /**
             * Tags
             * @description Repeat the field, or separate by commas.
             * @default []
             */
            tags: string[];
            /**
             * Calibration
             * @description Typical inputs for int8: .npz, .npy, or a zip of images, sounds or arrays.
             */
            calibration?: string | null;
            /**
             * Labels
             * @description The right class of each sample (.npy of integers): the report tells the accuracy.
             */
            labels?: string | null;
            /**
             * Samples
             * @description The inputs that the labels belong to, like `calibration`; without it they are those.
             */
            samples?: string | null;
            /**
             * Source
             * @description A model.py with the class that the weights belong to; options: class_name, class_args.
             */
            source?: string | null;
        };
        /** Body_createInspection */
        Body_createInspection: {
            /**
             * Model
             * @description The model file.
             */
            model?: string | null;
            /**
             * Model Sha256
             * @description Or the sha256 of a model that was uploaded before.
             */
            model_sha256?: string | null;
            /**
             * Sample
             * @description Or the name of a sample from the catalogue.
             */
            sample?: string | null;
            /**
             * Options
             * @description JSON: compile options by their names; `target` may be a list. What decides nothing here is ignored.
             * @default {}
             */
            options: string;
            /**
             * Shape
             * @description JSON: the option `shape` alone.
             */
            shape?: string | null;
        };
        /**
         * Catalog
         * @description Everything there is to choose from.
         */
        Catalog: {
            /** Version */
            version: string;
            /** Targets */
            targets: components["schemas"]["TargetInfo"][];
            /** Boards */
            boards: components["schemas"]["BoardInfo"][];
            /** Formats */
            formats: components["schemas"]["FormatInfo"][];
            /** Operators */
            operators: components["schemas"]["OperatorInfo"][];
            /**
             * Layers
             * @description what a list of layers may name, for files that hold weights alone
             */
            layers: string[];
            /** Emitters */
            emitters: components["schemas"]["Choice"][];
            /** Precisions */
            precisions: components["schemas"]["Choice"][];
            /** Optimize */
            optimize: components["schemas"]["Choice"][];
            /** Packs */
            packs: components["schemas"]["PackInfo"][];
            limits: components["schemas"]["Limits"];
            /** Samples */
            samples: components["schemas"]["SampleInfo"][];
            /**
             * Options
             * @description JSON schema of the compile options.
             */
            options: {
                [key: string]: unknown;
            };
        };
        /**
         * Check
         * @description One thing the service needs.
         */
        Check: {
            /** Name */
            name: string;
            /** Ok */
            ok: boolean;
            /** Required */
            required: boolean;
            /**
             * Detail
             * @default
             */
            detail: string;
        };
        /**
         * Choice
         * @description One value of an option.
         */
        Choice: {
            /** Name */
            name: string;
            /** Title */
            title: string;
            /** Description */
            description: string;
        };
        /**
         * CompilationCreated
         * @description The answer to an upload: the first compilation, and beside it all of them.
         */
        CompilationCreated: {
            /** Id */
            id: string;
            /**
             * Kind
             * @default compile
             * @constant
             */
            kind: "compile";
            /** Url */
            url: string;
            /**
             * State
             * @enum {string}
             */
            state: "queued" | "running" | "succeeded" | "failed" | "cancelled";
            /**
             * Stage
             * @description The stage that runs, or ran last.
             */
            stage: ("import" | "optimize" | "plan" | "generate" | "build" | "emulate" | "validate" | "report") | null;
            /** Progress */
            progress: number;
            model: components["schemas"]["ModelRef"];
            /** Target */
            target: string;
            /** Emit */
            emit: string;
            /** Precision */
            precision: string;
            /** Options */
            options: {
                [key: string]: unknown;
            };
            /** Project */
            project: string;
            /** Tags */
            tags: string[];
            /**
             * Group
             * @description Shared by compilations that were asked for together.
             */
            group: string | null;
            /** Owner */
            owner: string;
            /** Team */
            team: string;
            /**
             * Calibration
             * @description The name of the calibration file, where one was used.
             */
            calibration: string | null;
            /**
             * Labels
             * @description Whether labels were given to measure the accuracy with.
             * @default false
             */
            labels: boolean;
            /**
             * Cached
             * @description The result of an equal compilation was used.
             */
            cached: boolean;
            /**
             * Attempt
             * @description How many workers have begun it.
             */
            attempt: number;
            /**
             * Created At
             * Format: date-time
             */
            created_at: string;
            /** Started At */
            started_at: string | null;
            /** Ended At */
            ended_at: string | null;
            /**
             * Queue Position
             * @description 0: next; null when not queued.
             */
            queue_position: number | null;
            summary: components["schemas"]["Summary"] | null;
            error: components["schemas"]["ErrorPublic"] | null;
            /** Compilations */
            compilations: components["schemas"]["CompilationPublic"][];
        };
        /**
         * CompilationList
         * @description Newest first; `next_cursor` leads to the older ones.
         */
        CompilationList: {
            /** Items */
            items: components["schemas"]["CompilationPublic"][];
            /** Next Cursor */
            next_cursor: string | null;
        };
        /**
         * CompilationPublic
         * @description One compilation: one model for one target, emitter and precision.
         */
        CompilationPublic: {
            /** Id */
            id: string;
            /**
             * Kind
             * @default compile
             * @constant
             */
            kind: "compile";
            /** Url */
            url: string;
            /**
             * State
             * @enum {string}
             */
            state: "queued" | "running" | "succeeded" | "failed" | "cancelled";
            /**
             * Stage
             * @description The stage that runs, or ran last.
             */
            stage: ("import" | "optimize" | "plan" | "generate" | "build" | "emulate" | "validate" | "report") | null;
            /** Progress */
            progress: number;
            model: components["schemas"]["ModelRef"];
            /** Target */
            target: string;
            /** Emit */
            emit: string;
            /** Precision */
            precision: string;
            /** Options */
            options: {
                [key: string]: unknown;
            };
            /** Project */
            project: string;
            /** Tags */
            tags: string[];
            /**
             * Group
             * @description Shared by compilations that were asked for together.
             */
            group: string | null;
            /** Owner */
            owner: string;
            /** Team */
            team: string;
            /**
             * Calibration
             * @description The name of the calibration file, where one was used.
             */
            calibration: string | null;
            /**
             * Labels
             * @description Whether labels were given to measure the accuracy with.
             * @default false
             */
            labels: boolean;
            /**
             * Cached
             * @description The result of an equal compilation was used.
             */
            cached: boolean;
            /**
             * Attempt
             * @description How many workers have begun it.
             */
            attempt: number;
            /**
             * Created At
             * Format: date-time
             */
            created_at: string;
            /** Started At */
            started_at: string | null;
            /** Ended At */
            ended_at: string | null;
            /**
             * Queue Position
             * @description 0: next; null when not queued.
             */
            queue_position: number | null;
            summary: components["schemas"]["Summary"] | null;
            error: components["schemas"]["ErrorPublic"] | null;
        };
        /**
         * ErrorPublic
         * @description Why a job failed; the same fields as on the command line.
         */
        ErrorPublic: {
            /**
             * Kind
             * @description model, budget, mismatch, tool or bug
             */
            kind: string;
            /** Code */
            code: string;
            /** Title */
            title: string;
            /**
             * Where
             * @default
             */
            where: string;
            /** Facts */
            facts: {
                [key: string]: string;
            };
            /**
             * Help
             * @default
             */
            help: string;
        };
        /**
         * Estimate
         * @description What default options will need. Code and stack come on top; they are known once the code is built.
         */
        Estimate: {
            /**
             * Target
             * @description the processor that weights are laid out for
             */
            target: string;
            /**
             * Weights
             * @description bytes of flash, exact
             */
            weights: number;
            /**
             * Arena
             * @description bytes of RAM, exact
             */
            arena: number;
        };
        /**
         * EventPage
         * @description A part of a job's events, oldest first.
         */
        EventPage: {
            /** Items */
            items: components["schemas"]["JobEvent"][];
            /**
             * State
             * @enum {string}
             */
            state: "queued" | "running" | "succeeded" | "failed" | "cancelled";
        };
        /** Explanation */
        Explanation: {
            /** Code */
            code: string;
            /** Title */
            title: string;
            /**
             * Text
             * @description Markdown: what it means, the usual cause, what to do.
             */
            text: string;
        };
        /** FlashTotals */
        FlashTotals: {
            /** Code */
            code: number | null;
            /** Weights */
            weights: number | null;
            /**
             * Other
             * @description start-up and libc that the model pulls in
             */
            other: number | null;
            /** Total */
            total: number | null;
        };
        /**
         * FormatInfo
         * @description A file format that is read; content decides, never a file's name.
         */
        FormatInfo: {
            /** Kind */
            kind: string;
            /** Title */
            title: string;
            /**
             * Extensions
             * @description what such files are usually called
             */
            extensions: string[];
        };
        /** Health */
        Health: {
            /**
             * Status
             * @enum {string}
             */
            status: "ok" | "degraded" | "unready";
            /** Version */
            version: string;
            /** Checks */
            checks: components["schemas"]["Check"][];
            /** Workers */
            workers: components["schemas"]["WorkerInfo"][];
        };
        /**
         * Inspection
         * @description `deepmetal inspect`. Never raises for an unsupported operator: it lists them all.
         */
        Inspection: {
            /** Name */
            name: string;
            /** Format */
            format: string;
            /** Sha256 */
            sha256: string;
            /** Size */
            size: number;
            /** Inputs */
            inputs: components["schemas"]["OpenTensor"][];
            /** Outputs */
            outputs: components["schemas"]["OpenTensor"][];
            /** Operators */
            operators: components["schemas"]["OperatorCount"][];
            /** Parameters */
            parameters: number;
            /**
             * Macs
             * @description null while a shape is open
             */
            macs: number | null;
            /** Unsupported */
            unsupported: components["schemas"]["Unsupported"][];
            /**
             * Shape Needed
             * @description inputs whose shape the user must give, with a proposal
             */
            shape_needed: {
                [key: string]: (number | null)[];
            };
            /** Compilable */
            compilable: boolean;
            /** @description null when the model cannot be compiled, or not planned quickly */
            estimate: components["schemas"]["Estimate"] | null;
            /**
             * No Estimate
             * @description why there is no estimate
             * @default
             */
            no_estimate: string;
            /**
             * Notes
             * @description what people should know about how the file was read
             */
            notes: string[];
            /**
             * Support
             * @description for each kind of processor that was asked for; empty where no estimate is
             */
            support: components["schemas"]["Support"][];
            /** @description for weights without a model: the layers as far as the tensors tell, holes to be filled */
            architecture: components["schemas"]["Architecture"] | null;
            /**
             * Quantised
             * @description the arithmetic of a file that is quantised itself, such as int8; empty: a float model
             * @default
             */
            quantised: string;
            /** @description before and after optimisation; the API has them at an address of their own */
            graphs: components["schemas"]["Pictures"] | null;
        };
        /** InspectionCreated */
        InspectionCreated: {
            /** Id */
            id: string;
            /**
             * State
             * @enum {string}
             */
            state: "queued" | "running" | "succeeded" | "failed" | "cancelled";
            /** Url */
            url: string;
            model: components["schemas"]["ModelRef"];
        };
        /**
         * InspectionPublic
         * @description What a model contains; `result` is there once the state is succeeded.
         */
        InspectionPublic: {
            /** Id */
            id: string;
            /** Url */
            url: string;
            /**
             * State
             * @enum {string}
             */
            state: "queued" | "running" | "succeeded" | "failed" | "cancelled";
            model: components["schemas"]["ModelRef"];
            result: components["schemas"]["Inspection"] | null;
            error: components["schemas"]["ErrorPublic"] | null;
        };
        /**
         * JobEvent
         * @description One event of a job: the data of a Server-Sent Event, whose id is the event's.
         */
        JobEvent: {
            /** Id */
            id: number;
            /**
             * Kind
             * @enum {string}
             */
            kind: "stage" | "stage_done" | "log" | "state";
            /** Stage */
            stage: ("import" | "optimize" | "plan" | "generate" | "build" | "emulate" | "validate" | "report") | null;
            /** Message */
            message: string;
            /** Seconds */
            seconds: number | null;
            /** State */
            state: ("queued" | "running" | "succeeded" | "failed" | "cancelled") | null;
            /**
             * At
             * Format: date-time
             */
            at: string;
        };
        /**
         * KernelUse
         * @description Nodes that run in the same way.
         */
        KernelUse: {
            /** Op */
            op: string;
            /**
             * Kind
             * @enum {string}
             */
            kind: "tuned" | "generic" | "view" | "folded";
            /**
             * Family
             * @description of processors, for tuned kernels
             * @default
             */
            family: string;
            /** Nodes */
            nodes: number;
            /**
             * Macs
             * @description of all of them; null where it is not known by operator
             */
            macs: number | null;
        };
        /** Layer */
        Layer: {
            /** Name */
            name: string;
            /** Op */
            op: string;
            /** Source Nodes */
            source_nodes: string[];
            /** Input Shapes */
            input_shapes: number[][];
            /** Output Shape */
            output_shape: number[];
            /** Dtype */
            dtype: string;
            /** Macs */
            macs: number;
            /** Parameters */
            parameters: number;
            flash: components["schemas"]["LayerFlash"];
            /**
             * Ram Live
             * @description bytes of the arena alive while the layer runs
             */
            ram_live: number;
            /** Instructions */
            instructions: number | null;
            /** Cycles */
            cycles: number | null;
            /**
             * Latency Ms
             * @description cycles at the board's clock
             */
            latency_ms: number | null;
            /**
             * Mix
             * @description executed instructions by class: load, store, multiply, ...
             */
            mix: {
                [key: string]: number;
            } | null;
            /**
             * Kernel
             * @description the generated function
             */
            kernel: string;
            /**
             * Schedule
             * @description how the kernel runs, e.g. direct 2x8
             */
            schedule: string;
            error: components["schemas"]["LayerError"] | null;
        };
        /**
         * LayerError
         * @description Difference of one tensor from the reference, over all vectors.
         */
        LayerError: {
            /** Max Abs */
            max_abs: number;
            /** Mean Abs */
            mean_abs: number;
            /** Cosine */
            cosine: number | null;
            /**
             * Sqnr Db
             * @description null when the tensors are equal
             */
            sqnr_db: number | null;
        };
        /** LayerFlash */
        LayerFlash: {
            /**
             * Code
             * @description 0 when the kernel is shared with an earlier layer
             */
            code: number | null;
            /**
             * Weights
             * @default 0
             */
            weights: number;
        };
        /** Limits */
        Limits: {
            /**
             * Upload Bytes
             * @description bytes
             */
            upload_bytes: number;
            /**
             * Job Seconds
             * @description wall time of one job
             */
            job_seconds: number;
            /**
             * Compilations
             * @description of one request: targets times emitters times precisions
             */
            compilations: number;
            /**
             * Source
             * @description a user's model.py may be given for weights; it runs in the sandbox
             * @default false
             */
            source: boolean;
        };
        /**
         * ListedLayer
         * @description One step. `note`, `choices` and `tensors` are what an inspection says about it; compiling ignores them.
         */
        ListedLayer: {
            /**
             * Name
             * @description What the names of its tensors begin with (features.0 for features.0.weight), and what `from` calls it; layers without tensors may go without.
             * @default
             */
            name: string;
            /**
             * Type
             * @description A layer of torch.nn (Conv2d), or a step: Add, Multiply, Concatenate, Select, Mean, Permute, Reshape, Parameter. Null is a hole that is still to be filled.
             */
            type: string | null;
            /**
             * Args
             * @description Arguments as for torch.nn, without those that tensors tell.
             */
            args: {
                [key: string]: boolean | number | string | (number | null)[] | null;
            };
            /**
             * From
             * @description What it reads, by name, instead of the layer before it; `input` is the model's input, `lstm:1` the second output of lstm.
             */
            from: string[] | null;
            /**
             * Note
             * @description What is open here, in words.
             * @default
             */
            note: string;
            /**
             * Choices
             * @description For a hole: layers that usually stand there.
             */
            choices: string[];
            /**
             * Tensors
             * @description Its tensors in the file, with their shape.
             */
            tensors: {
                [key: string]: number[];
            };
        };
        /**
         * MapSection
         * @description A part of the linked program, to scale: what lies in flash and what in RAM.
         */
        MapSection: {
            /** Name */
            name: string;
            /**
             * Kind
             * @enum {string}
             */
            kind: "code" | "weights" | "other" | "arena" | "static";
            /**
             * Region
             * @enum {string}
             */
            region: "flash" | "ram";
            /** Address */
            address: number;
            /** Size */
            size: number;
            /**
             * Symbols
             * @description the largest first; small ones are left out
             */
            symbols: components["schemas"]["MapSymbol"][];
        };
        /** MapSymbol */
        MapSymbol: {
            /** Name */
            name: string;
            /** Address */
            address: number;
            /** Size */
            size: number;
            /**
             * Layer
             * @description the first layer that uses it
             * @default
             */
            layer: string;
        };
        /** MemoryInfo */
        MemoryInfo: {
            /** Arena Bytes */
            arena_bytes: number;
            /** Lower Bound Bytes */
            lower_bound_bytes: number;
            /** Tensors */
            tensors: components["schemas"]["MemoryTensor"][];
        };
        /** MemoryTensor */
        MemoryTensor: {
            /** Name */
            name: string;
            /**
             * Layer
             * @description the layer that writes it; empty for an input
             */
            layer: string;
            /** Offset */
            offset: number;
            /** Size */
            size: number;
            /**
             * First Use
             * @description index of the first layer that needs it; inputs: -1
             */
            first_use: number;
            /** Last Use */
            last_use: number;
        };
        /** ModelInfo */
        ModelInfo: {
            /** Name */
            name: string;
            /** Sha256 */
            sha256: string;
            /**
             * Format
             * @description onnx, torch, ...
             */
            format: string;
            /** Inputs */
            inputs: components["schemas"]["TensorInfo"][];
            /** Outputs */
            outputs: components["schemas"]["TensorInfo"][];
            /** Parameters */
            parameters: number;
            /**
             * Macs
             * @description multiply-accumulates of the source model, before optimisation
             */
            macs: number;
        };
        /**
         * ModelRef
         * @description The uploaded model.
         */
        ModelRef: {
            /** Name */
            name: string;
            /** Sha256 */
            sha256: string;
            /** Size */
            size: number;
        };
        /**
         * OpenTensor
         * @description A model input or output; a dimension that the model leaves open is null.
         */
        OpenTensor: {
            /** Name */
            name: string;
            /** Dtype */
            dtype: string;
            /** Shape */
            shape: (number | null)[];
        };
        /** OperatorCount */
        OperatorCount: {
            /** Op */
            op: string;
            /** Count */
            count: number;
            /** Supported */
            supported: boolean;
        };
        /**
         * OperatorInfo
         * @description An ONNX operator; generic code for it is always there.
         */
        OperatorInfo: {
            /** Name */
            name: string;
            /** Precisions */
            precisions: string[];
            /**
             * Notes
             * @default
             */
            notes: string;
            /**
             * Tuned
             * @description families of processors with a kernel of their own
             */
            tuned: string[];
            /**
             * Fused
             * @description may be computed in the kernel of the layer before it
             * @default false
             */
            fused: boolean;
            /**
             * Dtypes
             * @description of the ONNX project's test cases that pass
             */
            dtypes: string[];
            /**
             * Cases
             * @description of the ONNX project's tests; null: not counted here
             */
            cases: number | null;
            /** Passed */
            passed: number | null;
        };
        /**
         * PackInfo
         * @description A package format; there is one of a compilation when its emitter's list has its target.
         */
        PackInfo: {
            /** Name */
            name: string;
            /** Title */
            title: string;
            /** Description */
            description: string;
            /**
             * Targets
             * @description emitter -> targets that there is such a package for
             */
            targets: {
                [key: string]: string[];
            };
        };
        /** PassInfo */
        PassInfo: {
            /** Name */
            name: string;
            /** Effect */
            effect: string;
            /**
             * Macs Saved
             * @default 0
             */
            macs_saved: number;
            /**
             * Flash Saved
             * @default 0
             */
            flash_saved: number;
            /**
             * Ram Saved
             * @default 0
             */
            ram_saved: number;
        };
        /**
         * Picture
         * @description Nodes in the order in which they run; an edge leads from the node that writes a tensor to each that reads it.
         */
        Picture: {
            /** Nodes */
            nodes: components["schemas"]["PictureNode"][];
            /** Tensors */
            tensors: components["schemas"]["PictureTensor"][];
            /**
             * Inputs
             * @description places in `tensors`
             */
            inputs: number[];
            /**
             * Outputs
             * @description places in `tensors`
             */
            outputs: number[];
        };
        /** PictureNode */
        PictureNode: {
            /** Op */
            op: string;
            /** Name */
            name: string;
            /**
             * Sources
             * @description nodes of the source model that ended up here
             */
            sources: string[];
            /** Attributes */
            attributes: {
                [key: string]: string;
            };
            /**
             * Inputs
             * @description places in `tensors`; null: an optional input that is absent
             */
            inputs: (number | null)[];
            /** Outputs */
            outputs: number[];
            /** Macs */
            macs: number | null;
            /**
             * Weights
             * @description bytes of its constant operands
             * @default 0
             */
            weights: number;
            /**
             * Kind
             * @description how it runs; null while that is not known
             */
            kind: ("tuned" | "generic" | "view" | "folded") | null;
            /**
             * Kernel
             * @description the family of processors and the schedule
             * @default
             */
            kernel: string;
            /**
             * Problem
             * @description why it cannot be compiled
             * @default
             */
            problem: string;
        };
        /**
         * PictureTensor
         * @description A tensor; nodes refer to it by its place in the list.
         */
        PictureTensor: {
            /** Name */
            name: string;
            /**
             * Dtype
             * @description empty where the model does not say
             */
            dtype: string;
            /**
             * Shape
             * @description null where it is not known
             */
            shape: (number | null)[] | null;
            /**
             * Layout
             * @description axes from the outermost to the innermost, where they are not in order
             * @default
             */
            layout: string;
            /**
             * Bytes
             * @description null where the shape is not known
             */
            bytes: number | null;
            /**
             * Constant
             * @description weights and other values that are known when compiling
             * @default false
             */
            constant: boolean;
        };
        /**
         * Pictures
         * @description The model as it came, and as it is compiled.
         */
        Pictures: {
            before: components["schemas"]["Picture"] | null;
            /** @description as the quantiser wants it; null where nothing is quantised here */
            prepared: components["schemas"]["Picture"] | null;
            /** @description with Quantize and Dequantize where integers begin and end; the passes fold these away */
            quantised: components["schemas"]["Picture"] | null;
            /** @description null when the model cannot be compiled */
            after: components["schemas"]["Picture"] | null;
            /**
             * Missing
             * @description why one of them is not there
             * @default
             */
            missing: string;
        };
        /**
         * ProblemDetails
         * @description The body of every error.
         */
        ProblemDetails: {
            /**
             * Type
             * @description A reference that names the kind of problem.
             */
            type: string;
            /** Title */
            title: string;
            /** Status */
            status: number;
            /**
             * Detail
             * @description The title, with the offending value or the reason where there is one.
             */
            detail: string;
            /**
             * Code
             * @description Stable; `deepmetal explain CODE` says more.
             */
            code: string;
            /**
             * Where
             * @default
             */
            where: string;
            /** Facts */
            facts: {
                [key: string]: string;
            };
            /**
             * Help
             * @description What to do next.
             * @default
             */
            help: string;
        };
        /**
         * QuantInfo
         * @description real = scale * (stored - zero_point)
         */
        QuantInfo: {
            /**
             * Scale
             * @description one for the tensor, or one for each place along `axis`
             */
            scale: number[];
            /** Zero Point */
            zero_point: number[];
            /** Axis */
            axis: number | null;
        };
        /**
         * Quantization
         * @description What the quantiser did and what it cost; present when it ran.
         */
        Quantization: {
            /** Precision */
            precision: string;
            /** Quantizer */
            quantizer: string;
            /**
             * Calibration
             * @description where the calibration inputs come from
             */
            calibration: string;
            /** Samples */
            samples: number;
            /**
             * Synthetic
             * @description true: no calibration data were given, and ranges are a guess
             */
            synthetic: boolean;
            /**
             * Sqnr Db
             * @description of the outputs, before a final softmax
             */
            sqnr_db: number | null;
            /**
             * Agreement
             * @description share of samples with the float model's largest output
             */
            agreement: number | null;
            /** Steps */
            steps: components["schemas"]["QuantizationStep"][];
            /**
             * Tensors
             * @description in the order they are computed
             */
            tensors: components["schemas"]["QuantizedTensor"][];
            /** Weights */
            weights: components["schemas"]["QuantizedWeights"][];
            /**
             * Worst
             * @description tensors (int8-weights: layers) by what they do to the outputs, worst first
             */
            worst: string[];
            /**
             * Promoted
             * @description what is not int8: layer -> int16 or float32
             */
            promoted: {
                [key: string]: string;
            };
            /**
             * Floats
             * @description layers that compute with float32, with the reason
             */
            floats: string[];
            /**
             * Budget
             * @description the accuracy budget and whether it holds
             */
            budget: string | null;
            /** Suggestions */
            suggestions: string[];
        };
        /**
         * QuantizationStep
         * @description One step of the quantiser.
         */
        QuantizationStep: {
            /** Name */
            name: string;
            /** Effect */
            effect: string;
            /**
             * Sqnr Db
             * @description of the outputs (before a final softmax) after the step
             */
            sqnr_db: number | null;
        };
        /**
         * QuantizedTensor
         * @description A tensor that became integers, measured on calibration data against the float model.
         */
        QuantizedTensor: {
            /** Name */
            name: string;
            /**
             * Layer
             * @description the source's node that computes it; empty for an input
             */
            layer: string;
            /** Op */
            op: string;
            /** Dtype */
            dtype: string;
            /** Scale */
            scale: number;
            /** Zero Point */
            zero_point: number;
            /**
             * Method
             * @description how its range was found: minmax, percentile, mse, entropy, headroom, fixed, concat
             */
            method: string;
            /**
             * Low
             * @description the smallest value seen, or 0
             */
            low: number;
            /**
             * High
             * @description the largest value seen, or 0
             */
            high: number;
            /**
             * Saturated
             * @description share of the values seen that lie beyond the numbers it can take
             */
            saturated: number;
            /**
             * Sqnr Db
             * @description all errors up to here, on 32 samples at most; 120: equal
             */
            sqnr_db: number | null;
            /** Cosine */
            cosine: number | null;
            /**
             * Alone Db
             * @description the outputs' SQNR when only this tensor is rounded; null when not measured
             */
            alone_db: number | null;
            /**
             * Trials
             * @description SQNR behind its readers, by method
             */
            trials: {
                [key: string]: number;
            };
            /**
             * Histogram
             * @description values in equal parts of low to high
             */
            histogram: number[];
        };
        /**
         * QuantizedWeights
         * @description Weights that became int8 with a scale for each output channel.
         */
        QuantizedWeights: {
            /** Layer */
            layer: string;
            /** Shape */
            shape: number[];
            /**
             * Sqnr Db
             * @description of the rounded weights
             */
            sqnr_db: number;
            /**
             * Result Db
             * @description int8-weights: of the layer's result, all errors up to here
             */
            result_db: number | null;
        };
        /** RamInfo */
        RamInfo: {
            /** Name */
            name: string;
            /** Bytes */
            bytes: number;
            /**
             * Purpose
             * @description main, tcm, ccm: for data; itcm, backup: not counted
             */
            purpose: string;
        };
        /** RamTotals */
        RamTotals: {
            /** Arena */
            arena: number;
            /** Static */
            static: number | null;
            /** Stack */
            stack: number | null;
            /** Total */
            total: number | null;
        };
        /**
         * Report
         * @description The whole report of one compilation.
         */
        Report: {
            /**
             * Schema
             * @default deepmetal.report/1
             * @constant
             */
            schema: "deepmetal.report/1";
            /** Deepmetal Version */
            deepmetal_version: string;
            model: components["schemas"]["ModelInfo"];
            /** Options */
            options: {
                [key: string]: unknown;
            };
            toolchain: components["schemas"]["Toolchain"];
            totals: components["schemas"]["Totals"];
            /** Layers */
            layers: components["schemas"]["Layer"][];
            /** Passes */
            passes: components["schemas"]["PassInfo"][];
            memory: components["schemas"]["MemoryInfo"];
            /** @description null when the emulator was not run */
            validation: components["schemas"]["Validation"] | null;
            accuracy: components["schemas"]["Accuracy"] | null;
            /** @description null when nothing was quantised here */
            quantization: components["schemas"]["Quantization"] | null;
            /** Boards */
            boards: components["schemas"]["BoardFit"][];
            /**
             * Sections
             * @description empty where no firmware is linked
             */
            sections: components["schemas"]["MapSection"][];
            /** Timings */
            timings: {
                [key: string]: number;
            };
            /**
             * Notes
             * @description what a reader should know about these numbers
             */
            notes: string[];
        };
        /**
         * SampleInfo
         * @description A trained model to try.
         */
        SampleInfo: {
            /** Name */
            name: string;
            /** Title */
            title: string;
            /** Description */
            description: string;
            /** File */
            file: string;
            /** Size */
            size: number;
            /** Accuracy */
            accuracy: number | null;
            /** Training Set */
            training_set: string;
            /** Url */
            url: string;
        };
        /**
         * Summary
         * @description The numbers that a history shows; bytes, instructions, milliseconds; null where not measured.
         */
        Summary: {
            /** Instructions */
            instructions: number | null;
            /** Flash Total */
            flash_total: number | null;
            /** Ram Total */
            ram_total: number | null;
            /** Arena */
            arena: number;
            /** Stack */
            stack: number | null;
            /** Macs */
            macs: number;
            /** Max Abs Error */
            max_abs_error: number | null;
            /** Validation Passed */
            validation_passed: boolean | null;
            /** Latency Ms */
            latency_ms: number | null;
            /** Cycles */
            cycles: number | null;
            /**
             * Cycles Error Percent
             * @description null beside cycles: the cycle model is uncalibrated
             */
            cycles_error_percent: number | null;
            /** Clock Mhz */
            clock_mhz: number | null;
        };
        /**
         * Support
         * @description What the model becomes on processors that have the same instructions.
         */
        Support: {
            /**
             * Targets
             * @description those that were asked for
             */
            targets: string[];
            /** Precision */
            precision: string;
            /**
             * Weights
             * @description bytes of flash: exact, but for int8, where ranges decide a little of it
             */
            weights: number;
            /**
             * Arena
             * @description bytes of RAM, as weights
             */
            arena: number;
            /**
             * Arithmetic
             * @description multiply-accumulates by the types that are multiplied
             */
            arithmetic: {
                [key: string]: number;
            };
            /**
             * Layers
             * @description what will run, by operator of the optimised graph
             */
            layers: components["schemas"]["KernelUse"][];
            /**
             * Operators
             * @description the same by the source model's operators, where they are known
             */
            operators: components["schemas"]["KernelUse"][];
        };
        /** TargetInfo */
        TargetInfo: {
            /** Name */
            name: string;
            /** Title */
            title: string;
            /**
             * Description
             * @default
             */
            description: string;
            /**
             * Family
             * @default
             */
            family: string;
            /**
             * Features
             * @description what the generated code may use
             */
            features: string[];
            /**
             * Float Unit
             * @description none: floating point is computed by functions, slowly
             * @default none
             */
            float_unit: string;
            /**
             * Clock Mhz
             * @description assumed without a board; null: read where the code runs
             */
            clock_mhz: number | null;
            /**
             * Clock Of
             * @description the board that the clock is taken from
             * @default
             */
            clock_of: string;
            /**
             * Flash
             * @description bytes of flash of the emulated board
             */
            flash: number | null;
            /**
             * Ram
             * @description bytes of RAM of the emulated board
             */
            ram: number | null;
            /**
             * Emulator
             * @description null when the code runs on this computer, or not at all
             */
            emulator: string | null;
            /**
             * Runs On
             * @description where the compiled code is run, in words; why not, where it is not
             * @default
             */
            runs_on: string;
            /**
             * Runnable
             * @description false: code is built here, but not run
             * @default true
             */
            runnable: boolean;
            /**
             * Buildable
             * @description false: no compiler for it is installed
             * @default true
             */
            buildable: boolean;
            /**
             * Aliases
             * @description other names for the option
             */
            aliases: string[];
        };
        /** TensorInfo */
        TensorInfo: {
            /** Name */
            name: string;
            /** Dtype */
            dtype: string;
            /** Shape */
            shape: number[];
            /** @description what integers mean; null for other tensors */
            quant: components["schemas"]["QuantInfo"] | null;
        };
        /** Toolchain */
        Toolchain: {
            /** Compiler */
            compiler: string;
            /** Compiler Version */
            compiler_version: string;
            /** Flags */
            flags: string[];
            /** Emulator */
            emulator: string | null;
            /** Emulator Version */
            emulator_version: string | null;
            /**
             * Counting
             * @description how instructions were counted: plugin or timer
             */
            counting: string | null;
            /**
             * Sandbox
             * @description what confined the compilation; null: nothing did
             */
            sandbox: string | null;
        };
        /** Totals */
        Totals: {
            /**
             * Macs
             * @description executed per inference, after optimisation
             */
            macs: number;
            flash: components["schemas"]["FlashTotals"];
            ram: components["schemas"]["RamTotals"];
            /**
             * Instructions
             * @description from entry to return of model_run, of the object in the zip
             */
            instructions: number | null;
            /** Cycles */
            cycles: number | null;
            /**
             * Cycles Error Percent
             * @description the cycle model's worst error on its references
             */
            cycles_error_percent: number | null;
            /**
             * Cycles Model
             * @description core and memory that cycles are for; says so when uncalibrated
             * @default
             */
            cycles_model: string;
            /** Latency Ms */
            latency_ms: number | null;
            /** Clock Mhz */
            clock_mhz: number | null;
        };
        /**
         * Unsupported
         * @description One node that cannot be compiled, why, and the way out.
         */
        Unsupported: {
            /** Node */
            node: string;
            /** Op */
            op: string;
            /** Code */
            code: string;
            /** Reason */
            reason: string;
            /**
             * Help
             * @default
             */
            help: string;
        };
        /** Validation */
        Validation: {
            /**
             * Reference
             * @description e.g. ONNX Runtime 1.31.1
             */
            reference: string;
            /** Vectors */
            vectors: number;
            /** Max Abs Error */
            max_abs_error: number;
            /**
             * Max Rel Error
             * @description largest difference of a tensor divided by that tensor's range
             */
            max_rel_error: number;
            /** Cosine */
            cosine: number | null;
            /**
             * Argmax Agreement
             * @description share of vectors with the same largest output, 0 to 1
             */
            argmax_agreement: number | null;
            /** Bit Exact */
            bit_exact: boolean;
            /**
             * Integers Exact
             * @description do all integer tensors equal the model's definition, bit for bit? null: there are none
             */
            integers_exact: boolean | null;
            /** Tolerance */
            tolerance: number;
            /** Passed */
            passed: boolean;
        };
        /**
         * WorkerInfo
         * @description A worker that was seen within the last minute.
         */
        WorkerInfo: {
            /** Id */
            id: string;
            /** Host */
            host: string;
            /** Version */
            version: string;
            /** Sandbox */
            sandbox: string;
            /** Slots */
            slots: number;
            /** Busy */
            busy: number;
            /**
             * Seen At
             * Format: date-time
             */
            seen_at: string;
        };
        JsonValue: unknown;
        /**
         * CompileOptions
         * @description Options of one compilation: one target, one emitter, one precision.
         *
         *     The names are those of the command line in snake_case. `shape` maps an input name to its dimensions; the
         *     empty name stands for a model's only input.
         */
        CompileOptions: {
            /**
             * Target
             * @description The processor to compile for; `deepmetal targets` lists them.
             * @default cortex-m4
             */
            target: string;
            /**
             * Board
             * @description A board from `deepmetal boards`: brings target, clock, and flash and RAM as budgets.
             * @default null
             */
            board: string | null;
            /**
             * Emit
             * @description The language of the generated source.
             * @default c
             * @enum {string}
             */
            emit: "c" | "cpp" | "llvm";
            /**
             * Precision
             * @description The arithmetic of a float model's code; what is quantised already is compiled as it is.
             * @default float32
             * @enum {string}
             */
            precision: "float32" | "int8" | "int8-weights";
            /**
             * Rounding
             * @description How integer sums are rounded: once (CMSIS-NN single rounding, XNNPACK) or twice (TFLite Micro).
             * @default single
             * @enum {string}
             */
            rounding: "single" | "double";
            /**
             * Optimize
             * @description What to favour when a choice trades one cost for another.
             * @default balanced
             * @enum {string}
             */
            optimize: "balanced" | "speed" | "size" | "ram";
            /**
             * Name
             * @description Prefix of every generated symbol and file name.
             * @default model
             */
            name: string;
            /**
             * Shape
             * @description Dimensions of inputs that the model leaves open; or one size by a dimension's name, as N=7.
             */
            shape: {
                [key: string]: number[];
            };
            /**
             * @description The layers of a model whose file holds weights alone (state dict, safetensors), as JSON.
             * @default null
             */
            architecture: components["schemas"]["Architecture"] | null;
            /**
             * Source
             * @description Python source (model.py) of the class that the weights belong to; it runs in the sandbox only.
             * @default null
             */
            source: string | null;
            /**
             * Class Name
             * @description The torch.nn.Module in the source.
             * @default null
             */
            class_name: string | null;
            /**
             * Class Args
             * @description Arguments of its constructor, as JSON: an object by name, or a list.
             * @default null
             */
            class_args: {
                [key: string]: components["schemas"]["JsonValue"];
            } | components["schemas"]["JsonValue"][] | null;
            /**
             * Io Layout
             * @description Element order of inputs and outputs: the source model's, or the internal one.
             * @default source
             * @enum {string}
             */
            io_layout: "source" | "native";
            /**
             * Arena
             * @description Who provides the working memory.
             * @default static
             * @enum {string}
             */
            arena: "static" | "caller";
            /**
             * Weights
             * @description Weights as C arrays, or as a binary file; auto: a file when they exceed 1 MiB.
             * @default auto
             * @enum {string}
             */
            weights: "auto" | "array" | "incbin";
            /**
             * Compiler
             * @description The C compiler; auto: the target's best.
             * @default auto
             * @enum {string}
             */
            compiler: "auto" | "gcc" | "clang";
            /**
             * Opt Level
             * @description The compiler's optimisation level, also llvmlite's; auto follows --optimize.
             * @default auto
             * @enum {string}
             */
            opt_level: "auto" | "0" | "1" | "2" | "3" | "s";
            /**
             * Debug
             * @description A debug build: no optimisation, debug information, assertions.
             * @default false
             */
            debug: boolean;
            /**
             * Threads
             * @description Threads for large loops (OpenMP), on targets with one.
             * @default 1
             */
            threads: number;
            /**
             * Pack
             * @description Adds the model as a package for a build system; `deepmetal packs`.
             * @default null
             */
            pack: string | null;
            /**
             * Budget
             * @description Upper bounds: flash and ram in bytes, latency in milliseconds.
             */
            budget: {
                [key: string]: number;
            };
            /**
             * Vectors
             * @description How many random input vectors the validation draws.
             * @default 4
             */
            vectors: number;
            /**
             * Softmax
             * @description Append a softmax to the model's output.
             * @default false
             */
            softmax: boolean;
            /**
             * Quantizer
             * @description What --precision int8 does: ranges alone; ranges chosen by measured error, and bias correction; or equalisation and adaptive rounding as well.
             * @default standard
             * @enum {string}
             */
            quantizer: "quick" | "standard" | "thorough";
            /**
             * Observer
             * @description How a tensor's range is found; auto measures all and takes the best for each tensor.
             * @default auto
             * @enum {string}
             */
            observer: "auto" | "minmax" | "percentile" | "mse" | "entropy";
            /**
             * Preprocess
             * @description What becomes of calibration images and sounds, as scale=1/255,mean=0.5,std=0.25,resize=32x32.
             * @default
             */
            preprocess: string;
            /**
             * Io
             * @description Types of inputs and outputs of an int8 model: the source model's, or int8 throughout.
             * @default source
             * @enum {string}
             */
            io: "source" | "int8";
            /**
             * Keep
             * @description Layers that do not become int8, by name: int16 activations, or float32.
             */
            keep: {
                [key: string]: "int16" | "float32";
            };
            /**
             * Accuracy Budget
             * @description What int8 may cost: points of accuracy (0.5; without labels: of agreement with float), or the least output SQNR (25dB). Layers that hurt most get more bits until it holds.
             * @default null
             */
            accuracy_budget: string | null;
            /**
             * Mixed
             * @description What the layers become that --accuracy-budget takes out of int8.
             * @default int16
             * @enum {string}
             */
            mixed: "int16" | "float32";
            /**
             * Run
             * @description Run and validate the result on the emulator.
             * @default true
             */
            run: boolean;
        };
    };
    responses: never;
    parameters: never;
    requestBodies: never;
    headers: never;
    pathItems: never;
}
export type $defs = Record<string, never>;
export interface operations {
    listCompilations: {
        parameters: {
            query?: {
                /** @description One or more states. */
                state?: ("queued" | "running" | "succeeded" | "failed" | "cancelled")[] | null;
                target?: string | null;
                /** @description A part of the name, or the sha256. */
                model?: string | null;
                project?: string | null;
                tag?: string | null;
                group?: string | null;
                /** @description `next_cursor` of the page before. */
                cursor?: string | null;
                limit?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["CompilationList"];
                };
            };
            /** @description What went wrong. */
            "4XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDetails"];
                    "application/json": components["schemas"]["ProblemDetails"];
                };
            };
            /** @description What went wrong. */
            "5XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDetails"];
                    "application/json": components["schemas"]["ProblemDetails"];
                };
            };
        };
    };
    createCompilation: {
        parameters: {
            query?: never;
            header?: {
                "idempotency-key"?: string | null;
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "multipart/form-data": components["schemas"]["Body_createCompilation"];
            };
        };
        responses: {
            /** @description Successful Response */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["CompilationCreated"];
                };
            };
            /** @description What went wrong. */
            "4XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDetails"];
                    "application/json": components["schemas"]["ProblemDetails"];
                };
            };
            /** @description What went wrong. */
            "5XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDetails"];
                    "application/json": components["schemas"]["ProblemDetails"];
                };
            };
        };
    };
    getCompilation: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The id that creating it returned. */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["CompilationPublic"];
                };
            };
            /** @description What went wrong. */
            "4XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDetails"];
                    "application/json": components["schemas"]["ProblemDetails"];
                };
            };
            /** @description What went wrong. */
            "5XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDetails"];
                    "application/json": components["schemas"]["ProblemDetails"];
                };
            };
        };
    };
    deleteCompilation: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The id that creating it returned. */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description It is cancelled. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["CompilationPublic"] | null;
                };
            };
            /** @description It had ended, and is deleted. */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description What went wrong. */
            "4XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDetails"];
                    "application/json": components["schemas"]["ProblemDetails"];
                };
            };
            /** @description What went wrong. */
            "5XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDetails"];
                    "application/json": components["schemas"]["ProblemDetails"];
                };
            };
        };
    };
    followCompilation: {
        parameters: {
            query?: never;
            header?: {
                /** @description Resume after this event. */
                "last-event-id"?: string | null;
            };
            path: {
                /** @description The id that creating it returned. */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/event-stream": unknown;
                };
            };
            /** @description The stream ended before; do not reconnect. */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description What went wrong. */
            "4XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDetails"];
                    "text/event-stream": components["schemas"]["ProblemDetails"];
                };
            };
            /** @description What went wrong. */
            "5XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDetails"];
                    "text/event-stream": components["schemas"]["ProblemDetails"];
                };
            };
        };
    };
    listCompilationEvents: {
        parameters: {
            query?: {
                /** @description Only events with a greater id. */
                after?: number;
                limit?: number;
            };
            header?: never;
            path: {
                /** @description The id that creating it returned. */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["EventPage"];
                };
            };
            /** @description What went wrong. */
            "4XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDetails"];
                    "application/json": components["schemas"]["ProblemDetails"];
                };
            };
            /** @description What went wrong. */
            "5XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDetails"];
                    "application/json": components["schemas"]["ProblemDetails"];
                };
            };
        };
    };
    downloadArtifact: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The id that creating it returned. */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The zip. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/zip": unknown;
                };
            };
            /** @description What went wrong. */
            "4XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDetails"];
                    "application/json": components["schemas"]["ProblemDetails"];
                };
            };
            /** @description What went wrong. */
            "5XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDetails"];
                    "application/json": components["schemas"]["ProblemDetails"];
                };
            };
        };
    };
    getReport: {
        parameters: {
            query?: never;
            header?: {
                accept?: string;
            };
            path: {
                /** @description The id that creating it returned. */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Report"];
                    "text/html": unknown;
                    "text/markdown": unknown;
                };
            };
            /** @description What went wrong. */
            "4XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDetails"];
                    "application/json": components["schemas"]["ProblemDetails"];
                };
            };
            /** @description What went wrong. */
            "5XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDetails"];
                    "application/json": components["schemas"]["ProblemDetails"];
                };
            };
        };
    };
    downloadFile: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                path: string;
                /** @description The id that creating it returned. */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The file. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/octet-stream": unknown;
                };
            };
            /** @description What went wrong. */
            "4XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDetails"];
                    "application/json": components["schemas"]["ProblemDetails"];
                };
            };
            /** @description What went wrong. */
            "5XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDetails"];
                    "application/json": components["schemas"]["ProblemDetails"];
                };
            };
        };
    };
    downloadPack: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description As in the catalogue. */
                format: string;
                /** @description The id that creating it returned. */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The package. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/zip": unknown;
                };
            };
            /** @description What went wrong. */
            "4XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDetails"];
                    "application/json": components["schemas"]["ProblemDetails"];
                };
            };
            /** @description What went wrong. */
            "5XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDetails"];
                    "application/json": components["schemas"]["ProblemDetails"];
                };
            };
        };
    };
    createInspection: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "multipart/form-data": components["schemas"]["Body_createInspection"];
            };
        };
        responses: {
            /** @description Successful Response */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["InspectionCreated"];
                };
            };
            /** @description What went wrong. */
            "4XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDetails"];
                    "application/json": components["schemas"]["ProblemDetails"];
                };
            };
            /** @description What went wrong. */
            "5XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDetails"];
                    "application/json": components["schemas"]["ProblemDetails"];
                };
            };
        };
    };
    getInspection: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The id that creating it returned. */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["InspectionPublic"];
                };
            };
            /** @description What went wrong. */
            "4XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDetails"];
                    "application/json": components["schemas"]["ProblemDetails"];
                };
            };
            /** @description What went wrong. */
            "5XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDetails"];
                    "application/json": components["schemas"]["ProblemDetails"];
                };
            };
        };
    };
    getInspectionGraph: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The id that creating it returned. */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Pictures"];
                };
            };
            /** @description What went wrong. */
            "4XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDetails"];
                    "application/json": components["schemas"]["ProblemDetails"];
                };
            };
            /** @description What went wrong. */
            "5XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDetails"];
                    "application/json": components["schemas"]["ProblemDetails"];
                };
            };
        };
    };
    getCatalog: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Catalog"];
                };
            };
            /** @description What went wrong. */
            "4XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDetails"];
                    "application/json": components["schemas"]["ProblemDetails"];
                };
            };
            /** @description What went wrong. */
            "5XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDetails"];
                    "application/json": components["schemas"]["ProblemDetails"];
                };
            };
        };
    };
    downloadSample: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                name: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The model file. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/octet-stream": unknown;
                };
            };
            /** @description What went wrong. */
            "4XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDetails"];
                    "application/json": components["schemas"]["ProblemDetails"];
                };
            };
            /** @description What went wrong. */
            "5XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDetails"];
                    "application/json": components["schemas"]["ProblemDetails"];
                };
            };
        };
    };
    getExplanation: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                code: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Explanation"];
                };
            };
            /** @description What went wrong. */
            "4XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDetails"];
                    "application/json": components["schemas"]["ProblemDetails"];
                };
            };
            /** @description What went wrong. */
            "5XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDetails"];
                    "application/json": components["schemas"]["ProblemDetails"];
                };
            };
        };
    };
    getLiveness: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Health"];
                };
            };
            /** @description What went wrong. */
            "4XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDetails"];
                    "application/json": components["schemas"]["ProblemDetails"];
                };
            };
            /** @description What went wrong. */
            "5XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDetails"];
                    "application/json": components["schemas"]["ProblemDetails"];
                };
            };
        };
    };
    getReadiness: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Health"];
                };
            };
            /** @description Something required is missing. */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Health"];
                };
            };
            /** @description What went wrong. */
            "4XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDetails"];
                    "application/json": components["schemas"]["ProblemDetails"];
                };
            };
            /** @description What went wrong. */
            "5XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDetails"];
                    "application/json": components["schemas"]["ProblemDetails"];
                };
            };
        };
    };
    getMetrics: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Prometheus text. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/plain": unknown;
                };
            };
            /** @description What went wrong. */
            "4XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDetails"];
                    "application/json": components["schemas"]["ProblemDetails"];
                };
            };
            /** @description What went wrong. */
            "5XX": {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDetails"];
                    "application/json": components["schemas"]["ProblemDetails"];
                };
            };
        };
    };
}
