-- How the console shows what a kept filter selects: columns, time, order, in the words of its address.

ALTER TABLE finding_filters ADD COLUMN view TEXT NOT NULL DEFAULT '';
