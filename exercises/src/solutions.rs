//! One way to solve each exercise. Look here afterwards.

// Chapter 1.

// Chapter 2.

// Chapter 3.
pub mod ch03_retry;

// Chapter 4.

// Chapter 5.

// Chapter 6.

// Chapter 7.

// Chapter 8.

// Chapter 9.

// Chapter 10.

// Chapter 11.

// Chapter 12.

// Chapter 13.

// Chapter 14.
