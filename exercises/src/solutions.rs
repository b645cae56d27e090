//! One way to solve each exercise. Look here afterwards.

// Chapter 1.
pub mod ch01_echo;
pub mod ch01_reply;

// Chapter 2.
pub mod ch02_durable;
pub mod ch02_numbers;

// Chapter 3.
pub mod ch03_batch;
pub mod ch03_retry;

// Chapter 4.
pub mod ch04_down;
pub mod ch04_laws;

// Chapter 5.
pub mod ch05_decide;
pub mod ch05_fresh;

// Chapter 6.
pub mod ch06_copies;
pub mod ch06_majority;

// Chapter 7.
pub mod ch07_vote;
pub mod ch07_win;

// Chapter 8.
pub mod ch08_append;
pub mod ch08_commit;

// Chapter 9.
pub mod ch09_read;
pub mod ch09_retry;

// Chapter 9b.
pub mod ch09b_begin;
pub mod ch09b_joint;

// Chapter 10.
pub mod ch10_skew;
pub mod ch10_validate;

// Chapter 11.
pub mod ch11_append;
pub mod ch11_see;

// Chapter 12.
pub mod ch12_tape;
pub mod ch12_timeout;

// Chapter 13.
pub mod ch13_doubt;
pub mod ch13_plant;

// Chapter 14.
pub mod ch14_model;
pub mod ch14_rare_bug;
