/* Zephyr's kernel, of which the sample needs nothing but the file. */
