"""From a built and validated model to the files a user takes home: `OUT/` and `OUT.zip`."""
